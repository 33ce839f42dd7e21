// Upgrades of a real node: the app that runs all along is never restarted, whatever becomes of the new file.
import { spawn } from 'node:child_process'
import { readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { NodeStatus } from '../../protocol/api.ts'
import { nodeStatus } from '../../protocol/wire.ts'
import { probeImage } from '../probe-image.ts'
import { CLOUD, cloud, cloudJson, runCloud, type CloudRun } from '../run-cloud.ts'
import { NodeFixture } from './node-fixture.ts'
import { breakAddon, DYING, makeOtherInit, MUTE, VERSION_2, type Change } from './other-init.ts'

const PORT = 8020
let fixture: NodeFixture
let files: string
let pid: number | null

beforeAll(async () => {
  fixture = await NodeFixture.make('upgrade', { settings: ['solocloud.crashloop=10/60'] })
  files = join(fixture.scratch, 'files')
  await mkdir(files)
  const image = await probeImage(files, { name: 'probe', port: PORT })
  await cloud('start', fixture.node.manage, image)
})
afterAll(() => fixture[Symbol.asyncDispose]())
beforeEach(async () => {
  ;({ pid } = await fixture.app('probe'))
})

const status = async (): Promise<NodeStatus> =>
  nodeStatus(await cloudJson('node', fixture.node.manage), 'node')

const upgrade = (...words: string[]): Promise<CloudRun> =>
  runCloud(['upgrade', fixture.node.manage, ...words])

const other = (name: string, ...changes: Change[]): Promise<string> =>
  makeOtherInit(join(files, name), ...changes)

/** The names of init's files, and which of them are one file. */
function sbin(): { names: string[]; inode: (name: string) => number } {
  const path = join(fixture.scratch, 'upper/sbin')
  const inode = (name: string): number => statSync(join(path, name)).ino
  return { names: readdirSync(path).sort(), inode }
}

/** It has the process that it had, and answers. */
async function expectUntouched(): Promise<void> {
  const app = await fixture.app('probe')
  expect({ pid: app.pid, restarts: app.restarts, state: app.state }).toEqual({
    ...{ pid, restarts: 0, state: 'running' },
  })
  expect(await fixture.node.get(PORT, '/version')).toBe('none\n')
}

test('an upgrade, a rollback, and the same upgrade again', async () => {
  const file = await other('next', VERSION_2)
  const first = await upgrade(file)
  expect(first).toMatchObject({ code: 0, stderr: '' })
  expect(first.stdout).toMatch(/runs 0\.2\.0, life 2$/m)
  expect(await status()).toMatchObject({
    version: '0.2.0',
    life: 2,
    init: { version: '0.2.0', upgrade: { state: 'confirmed', reason: null } },
  })
  expect(sbin().names).toEqual(['init', 'init.previous'])
  await expectUntouched()

  const back = await upgrade('--rollback')
  expect(back).toMatchObject({ code: 0, stderr: '' })
  expect(await status()).toMatchObject({ version: '0.1.0', life: 3 })
  expect(sbin().names).toEqual(['init', 'init.previous'])
  await expectUntouched()

  expect((await upgrade(file, '--json')).code).toBe(0)
  expect((await status()).version).toBe('0.2.0')
  await expectUntouched()
  expect((await upgrade('--rollback')).code).toBe(0)
  await expectUntouched()
})

test('what is refused changes nothing', async () => {
  const before = { status: await status(), names: sbin().names, inode: sbin().inode('init') }
  const cut = await other('cut')
  truncateSync(cut, statSync(cut).size - 5000)
  const foreign = await other('foreign')
  const handle = await open(foreign, 'r+')
  await handle.write(Buffer.from([183]), 0, 1, 18)
  await handle.close()
  const text = join(files, 'text')
  writeFileSync(text, 'not a program\n'.repeat(1000))
  const refusals: [file: string, why: RegExp][] = [
    [cut, /not a whole solocloud file/],
    [foreign, /for arm64 and the node is amd64/],
    [text, /not a whole solocloud file/],
    [await other('failing', ['!==42)', '!==43)']), /does not work on this node: sqlite: 41 \+ 1/],
    // It must not be PID 1's own libraries that the test proves.
    [await breakAddon(await other('addon')), /does not work on this node: .*ELF header/],
    [await other('layout', ['LIFE_LAYOUT=1,', 'LIFE_LAYOUT=2,']), /has life record 2/],
    [
      await other('state', [
        'STATE_SCHEMA={version:1,readableBy:1}',
        'STATE_SCHEMA={version:7,readableBy:7}',
      ]),
      /writes a state that this one could not read/,
    ],
  ]
  for (const [file, why] of refusals) {
    const { code, stderr } = await upgrade(file)
    expect([file, code, why.test(stderr) ? '' : stderr]).toEqual([file, 1, ''])
    expect(sbin().names).toEqual(before.names)
  }
  const { life, version, init } = await status()
  expect({ life, version }).toEqual({ life: before.status.life, version: before.status.version })
  expect(init.upgrade.state).toBe('none')
  expect(sbin().inode('init')).toBe(before.inode)
  await expectUntouched()
})

test.each<[string, Change, RegExp]>([
  ['never answers', MUTE, /did not answer within its time/],
  ['dies again and again', DYING, /died again and again/],
])('a new file that %s: the loader goes back, and everybody is told', async (_, change, why) => {
  const before = { names: sbin().names, inode: sbin().inode('init') }
  const { code, stderr } = await upgrade(await other('broken', VERSION_2, change))
  expect(code).toBe(1)
  expect(stderr).toMatch(/went back to 0\.1\.0/)
  expect(stderr).toMatch(why)
  const { version, init } = await status()
  expect([version, init.upgrade.state]).toEqual(['0.1.0', 'went-back'])
  expect(fixture.node.console.text).toMatch(why)
  expect({ names: sbin().names, inode: sbin().inode('init') }).toEqual(before)
  await expectUntouched()
})

test('the end of the machine during a trial boots the file that has proven itself', async () => {
  const file = await other('mute', VERSION_2, MUTE)
  const { position } = fixture.node.console
  const client = spawn(CLOUD, ['upgrade', fixture.node.manage, file], { stdio: 'ignore' })
  await fixture.node.console.waitFor(/of init, 0\.2\.0/, 30_000, position)
  expect(sbin().names).toContain('init.new')
  await fixture.node.kill()
  await fixture.reboot()
  client.kill()
  await expect.poll(() => sbin().names).not.toContain('init.new')
  expect(await status()).toMatchObject({ version: '0.1.0', life: 1 })
  await expect.poll(async () => (await fixture.app('probe')).state).toBe('running')
})
