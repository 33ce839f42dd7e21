// examples/shell on a real node: dropbear lets the operator's key in, and the management socket is there.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeScratch } from '../../demo/scratch.ts'
import { nodeStatus } from '../../protocol/wire.ts'
import { command } from '../../qemu/command.ts'
import { NodeFixture } from '../namespaces/node-fixture.ts'
import { cloud, cloudJson, runCloud } from '../run-cloud.ts'
import { makeKey, SshClient } from './client.ts'

const ROOT = join(import.meta.dirname, '../..')
const STAGE = join(ROOT, 'examples/shell/stage.sh')
const PORT = 22

let scratch: string
let fixture: NodeFixture
let client: SshClient

beforeAll(async () => {
  scratch = join(await makeScratch(join(ROOT, 'build/namespace-tests')), 'shell-client')
  mkdirSync(scratch)
  await makeKey(scratch, 'key')
  await makeKey(scratch, 'wrong-key')
  const image = await makeImage()
  fixture = await NodeFixture.make('shell')
  await cloud('start', fixture.node.manage, image)
  const inNetwork = () => fixture.node.inNetwork
  client = new SshClient({ directory: scratch, inNetwork, port: PORT })
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
  rmSync(scratch, { recursive: true })
})

const path = (name: string): string => join(scratch, name)

/** As `make build/images/shell.txz` does. */
async function makeImage(): Promise<string> {
  const words = [path('key.pub'), path('host-key'), path('staged')]
  await command(STAGE, words)
  await cloud('image', 'build', path('staged'), '-o', path('shell.tar'))
  return path('shell.tar')
}

test('the host key is in no image alone: the next one has it too', async () => {
  const scan = await command(fixture.node.inNetwork[0] ?? '', [
    ...fixture.node.inNetwork.slice(1),
    ...['ssh-keyscan', '-t', 'ed25519', '-p', String(PORT), '127.0.0.1'],
  ])
  expect(scan).toMatch(/^127\.0\.0\.1 ssh-ed25519 /)
  writeFileSync(path('known_hosts'), scan)
  await cloud('start', fixture.node.manage, await makeImage())
  expect(await client.run('key', ['root@127.0.0.1', 'id'])).toMatchObject({ code: 0, stderr: '' })
})

test('root gets a shell with tools, by key alone', async () => {
  const words = ['root@127.0.0.1', 'id -u; pwd; ls /bin | wc -l; test -e /bin/reboot || echo none']
  const { code, stdout } = await client.run('key', words)
  expect(code).toBe(0)
  expect(stdout).toMatch(/^0\n\/root\n\d{3}\nnone\n$/)
  const refused = await client.run('wrong-key', ['root@127.0.0.1', 'true'])
  expect(refused.code).toBe(255)
  expect(refused.stderr).toContain('Permission denied (publickey).')
})

/** What README.md does with socat: a program at each end for each connection. */
async function bridge(): Promise<{ socket: string; server: Server; children: ChildProcess[] }> {
  const children: ChildProcess[] = []
  const socket = path('bridge.sock')
  const server = createServer((near) => {
    const [file = '', ...words] = client.words('key')
    const remote = ['root@127.0.0.1', 'manage-node']
    const far = spawn(file, [...words, ...remote], { stdio: ['pipe', 'pipe', 'inherit'] })
    children.push(far)
    near.pipe(far.stdin)
    far.stdout.pipe(near)
    near.on('error', () => far.kill())
    near.on('close', () => far.kill())
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return { socket, server, children }
}

test('the node is managed through a program at the far end', async () => {
  const { socket, server, children } = await bridge()
  const status = nodeStatus(await cloudJson('node', `unix:${socket}`), 'node')
  expect(status.apps.running).toBe(1)
  expect(await cloud('ps', `unix:${socket}`)).toMatch(/^shell +running +namespaces, manages/m)
  server.close()
  for (const child of children) child.kill()
})

test("Debian's dropbear forwards no Unix socket, as README.md says", async () => {
  await using tunnel = await client.tunnel('key', 'root', 'forward')
  expect((await runCloud(['node', `unix:${tunnel.path}`])).code).not.toBe(0)
})

test('without a public key there is no image', () => {
  const stage = (key: string) => () =>
    execFileSync(STAGE, [key, path('host-key'), path('nothing')], { stdio: 'pipe' })
  writeFileSync(path('private'), '-----BEGIN OPENSSH PRIVATE KEY-----\n')
  expect(stage(path('private'))).toThrow('There is no public key in')
  expect(stage('/nowhere')).toThrow('name yours')
})
