// The backup of a running node: packed by its own file, read by GNU tar, and taken up by another node.
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { backupEnd, backupHead } from '../../protocol/backup.ts'
import { command } from '../../qemu/command.ts'
import { probeImage } from '../probe-image.ts'
import { cloud, cloudJson, runCloud } from '../run-cloud.ts'
import { NodeFixture } from './node-fixture.ts'

const PORT = 8012
let fixture: NodeFixture
let images: string

beforeAll(async () => {
  fixture = await NodeFixture.make('backup')
  images = join(fixture.scratch, 'images')
  mkdirSync(images)
  const options = { name: 'probe', port: PORT, env: ['VERSION=1'], ending: '.txz' }
  await cloud('start', fixture.node.manage, await probeImage(images, options))
})
afterAll(() => fixture[Symbol.asyncDispose]())

const upper = (path: string): string => join(fixture.scratch, 'upper', path)
const inTar = (path: string): Promise<string> =>
  command('tar', ['-xOf', join(images, 'node.tar'), path])

test('all of a node, while it runs', async () => {
  const root = upper('chroots/.generations/probe/1')
  await command('setcap', ['cap_net_bind_service+ep', join(root, 'image.json')])
  const before = (await fixture.app('probe')).pid
  const file = join(images, 'node.tar')
  const told = await cloudJson('node', 'backup', fixture.node.manage, '-o', file)
  expect(told).toMatchObject({ event: 'backed-up', file })
  const head = backupHead(JSON.parse(await inTar('backup.json')), 'head')
  const { digest } = await fixture.app('probe')
  expect(head.apps).toEqual([{ name: 'probe', digest, version: null }])
  expect(backupEnd(JSON.parse(await inTar('end.json')), 'end')).toMatchObject({ leftOutCount: 0 })
  expect(JSON.parse(await inTar('apps/probe/1.json'))).toMatchObject({ digest })
  await command('tar', ['--xattrs', '--xattrs-include=*', '-C', images, '-xf', file])
  const list = "find . -printf '%P %y %m %U:%G %s %T@ %l %n\\n' | sort"
  const found = (directory: string) => command('sh', ['-c', `cd '${directory}' && ${list}`])
  expect(await found(join(images, 'apps/probe/1'))).toBe(await found(root))
  await command('diff', ['-r', '--no-dereference', join(images, 'apps/probe/1'), root])
  const capabilities = await command('getcap', [join(images, 'apps/probe/1/image.json')])
  expect(capabilities).toContain('cap_net_bind_service=ep')
  expect((await fixture.app('probe')).pid).toBe(before)
  expect(fixture.processes(/solocloud unpack/)).toEqual([])
})

test('one at a time, and it ends with its reader', async () => {
  const large = 'apps/probe/1/large'
  writeFileSync(upper('chroots/.generations/probe/1/large'), Buffer.alloc(40 * 1024 ** 2, 'data'))
  const socketPath = fixture.node.path('/run/solocloud/manage.sock')
  const stalled = request({ socketPath, path: '/v1/node/backup' })
  stalled.on('error', () => undefined).end()
  await once(stalled, 'response')
  const file = join(images, 'second.tar')
  const { code, stderr } = await runCloud(['node', 'backup', fixture.node.manage, '-o', file])
  expect([code, stderr]).toEqual([1, expect.stringContaining('Another backup is under way')])
  expect(fixture.processes(/solocloud unpack/)).toHaveLength(1)
  stalled.destroy()
  await expect.poll(() => fixture.processes(/solocloud unpack/), { timeout: 10_000 }).toEqual([])
  await cloud('node', 'backup', fixture.node.manage, '-o', file)
  await command('tar', ['-C', images, '-xf', file, large])
  expect(statSync(join(images, large)).size).toBe(40 * 1024 ** 2)
  expect(readFileSync(join(images, large)).indexOf('datadatax')).toBe(-1)
})

test('a packer that is killed leaves no whole archive', async () => {
  const file = join(images, 'killed.tar')
  const running = runCloud(['node', 'backup', fixture.node.manage, '-o', file])
  await expect.poll(() => fixture.processes(/solocloud unpack/).length).toBe(1)
  for (const pid of fixture.processes(/solocloud unpack/)) process.kill(pid, 'SIGKILL')
  const { code, stderr } = await running
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/connection broke|not complete: the packer/)
  expect(readdirSync(images).filter((name) => name.startsWith('killed'))).toEqual([])
  expect(fixture.processes(/solocloud unpack/)).toEqual([])
})

test('placed on the disk of another node, it runs there', async () => {
  await using other = await NodeFixture.make('restored')
  const disk = join(other.scratch, 'upper')
  const state = join(disk, 'var/lib/solocloud')
  await other.reboot(() => {
    for (const name of readdirSync(state)) rmSync(join(state, name), { recursive: true })
    // As a restore does: the archive's apps below /chroots/.generations, a link for each, the settings.
    cpSync(join(images, 'apps'), join(disk, 'chroots/.generations'), { recursive: true })
    symlinkSync('.generations/probe/1', join(disk, 'chroots/probe'))
    cpSync(join(images, 'settings.json'), join(state, 'settings.json'))
  })
  const running = async () => (await other.app('probe')).state
  await expect.poll(running, { timeout: 20_000 }).toBe('running')
  expect(await other.node.get(PORT, '/version')).toBe('1\n')
})
