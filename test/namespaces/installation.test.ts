// A real node that was installed over a (small) old system: the trial, its confirmation, a purge, and the way back.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fileContent, makeChanges } from '../../installation/changes.ts'
import { readInstallation, writeInstallation } from '../../installation/record.ts'
import type { Change } from '../../protocol/installation.ts'
import { nodeStatus } from '../../protocol/wire.ts'
import { cloud, cloudJson } from '../run-cloud.ts'
import { NodeFixture } from './node-fixture.ts'

const OLD_FILES = ['usr/bin/bash', 'etc/passwd', 'etc/os-release', 'home/me/file', 'boot/vmlinuz']
const MINUTES_MS = 600_000
let fixture: NodeFixture

beforeEach(async () => {
  fixture = await NodeFixture.make('installation')
})
afterEach(() => fixture[Symbol.asyncDispose]())

const upper = (path: string): string => join(fixture.scratch, 'upper', path)
const there = (path: string): boolean => existsSync(upper(path))
const blobs = (): string => upper('var/lib/solocloud/installation')
const state = (): string | undefined => readInstallation(blobs())?.state

/** Paths of the record are the node's; here they are made and read from outside. */
const onDisk = (changes: readonly Change[]): Change[] =>
  changes.map((change) => ({ ...change, path: upper(change.path) }))

/** As `install` leaves the disk of the machine that then boots the node. */
function install(trialMs: number): void {
  for (const path of OLD_FILES) {
    mkdirSync(dirname(upper(path)), { recursive: true })
    writeFileSync(upper(path), 'old')
  }
  const change = (text: string): Change => ({
    path: '/boot/custom.cfg',
    before: { kind: 'absent' },
    after: fileContent(blobs(), text),
  })
  const once = [change('once')]
  writeInstallation(blobs(), {
    version: 1,
    ...{ method: 'openvz', state: 'trial', installedAt: '2026-01-02T03:04:05Z' },
    ...{ file: '/sbin/init', trialMs, once, permanent: [change('for good')] },
    created: ['/sbin/init', '/chroots', '/var/lib/solocloud'],
    purge: { onConfirm: false, keep: [] },
  })
  makeChanges(blobs(), onDisk(once))
}

async function status(): Promise<ReturnType<typeof nodeStatus>['installation']> {
  return nodeStatus(await cloudJson('node', fixture.node.manage), 'node').installation
}

/** As any other client than `cloud`. */
function get(path: string): Promise<string> {
  const socketPath = fixture.node.path('/run/solocloud/manage.sock')
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve(text))
    })
    asking.once('error', reject)
    asking.end()
  })
}

test('a trial that nobody confirms ends, deaths of PID 1 or not, and has changed nothing', async () => {
  await fixture.reboot(() => install(8_000))
  const start = performance.now()
  expect(there('boot/custom.cfg')).toBe(false)
  const { trialEndsAt } = (JSON.parse(await get('/v1/node')) as { installation: object })
    .installation as { trialEndsAt: string }
  fixture.node.signal('SIGSEGV')
  await fixture.node.waitForManagement()
  const again = JSON.parse(await get('/v1/node')) as { life: number; installation: object }
  expect(again).toMatchObject({ life: 2, installation: { state: 'trial' } })
  const { trialEndsAt: same } = again.installation as { trialEndsAt: string }
  expect(Math.abs(Date.parse(same) - Date.parse(trialEndsAt))).toBeLessThan(100)
  expect((await fixture.node.waitForExit()).code).toBe(129)
  expect(performance.now() - start).toBeGreaterThan(3_000)
  expect(fixture.node.console.tail).toContain('going down to reboot')
  expect([state(), there('boot/custom.cfg'), OLD_FILES.map(there)]).toEqual([
    ...['trial', false],
    OLD_FILES.map(() => true),
  ])
})

test('confirmed by cloud, it stays; purged, it goes on without the old system', async () => {
  await fixture.reboot(() => install(MINUTES_MS))
  expect(await cloud('ps', fixture.node.manage)).toContain('NAME')
  expect(await status()).toEqual({ method: 'openvz', state: 'confirmed', trialEndsAt: null })
  expect(readFileSync(upper('boot/custom.cfg'), 'utf8')).toBe('for good')
  expect(fixture.node.console.tail).toMatch(/confirmed by cloud\/\S+: GET \/v1\/apps/)
  await fixture.reboot()
  expect(state()).toBe('confirmed')
  const told = await cloud('node', 'purge', fixture.node.manage, '--yes', '--keep', '/home')
  expect(told).toMatch(/the old system is removed: \d+ files/)
  expect(OLD_FILES.filter(there)).toEqual(['etc/os-release', 'home/me/file', 'boot/vmlinuz'])
  await fixture.reboot()
  expect(await status()).toMatchObject({ state: 'purged' })
  await expect(cloud('node', 'uninstall', fixture.node.manage, '--yes')).rejects.toThrow(
    'The old system has been removed',
  )
})

test('a purge that a power cut has ended goes on with the next boot', async () => {
  await fixture.reboot(() => {
    install(MINUTES_MS)
    const record = readInstallation(blobs())
    if (record === null) throw new Error('no record')
    writeInstallation(blobs(), { ...record, state: 'purging' })
  })
  await expect.poll(state, { timeout: 20_000 }).toBe('purged')
  expect(OLD_FILES.filter(there)).toEqual(['etc/os-release', 'boot/vmlinuz'])
})

test('uninstalled, it is gone without a trace, and the old system is as it was', async () => {
  await fixture.reboot(() => install(MINUTES_MS))
  await cloud('confirm', fixture.node.manage)
  await cloud('node', 'uninstall', fixture.node.manage, '--yes')
  expect((await fixture.node.waitForExit()).code).toBe(129)
  const ours = ['boot/custom.cfg', 'sbin/init', 'chroots', 'var/lib/solocloud']
  expect(ours.filter(there)).toEqual([])
  expect(OLD_FILES.filter(there)).toEqual(OLD_FILES)
})
