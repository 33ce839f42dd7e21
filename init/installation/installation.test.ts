import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fileContent, makeChanges } from '../../installation/changes.ts'
import { readInstallation, writeInstallation } from '../../installation/record.ts'
import type { Change, Installation } from '../../protocol/installation.ts'
import { emptyRecord, memoryLife, type MemoryRecord } from '../../sys/fake-life.ts'
import { fakeNative } from '../../sys/fake-native.ts'
import { createBootLog } from '../console.ts'
import { createNodeNotes } from '../node-notes.ts'
import { FakeClock } from '../supervisor/fake-clock.ts'
import { beginInstallation, type NodeInstallation } from './installation.ts'

const MINUTE_MS = 60_000
const BOOT_MS = 7_000
let place: string
let directory: string
let lives: MemoryRecord
let clock: FakeClock
let shown: string
let ended: string[]

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'installation-'))
  directory = join(place, 'installation')
  mkdirSync(join(place, 'boot'))
  lives = emptyRecord()
  lives.numbers.set('bootMs', BOOT_MS)
  clock = new FakeClock(BOOT_MS + 1000)
  shown = ''
  ended = []
})
afterEach(() => rmSync(place, { recursive: true }))

const config = (): string => join(place, 'boot/custom.cfg')
const environment = (): string => join(place, 'boot/grubenv')
const read = (path: string): string | null => (existsSync(path) ? readFileSync(path, 'utf8') : null)

/** As `install` leaves it: the record, and then the changes that boot the node once. */
function install(changes: Partial<Installation> = {}): Installation {
  writeFileSync(environment(), 'old environment')
  const file = (text: string) => fileContent(directory, text)
  const old = file('old environment')
  const absent = { kind: 'absent' } as const
  const once: Change[] = [
    { path: config(), before: absent, after: file('an entry') },
    { path: environment(), before: old, after: file('next_entry=node') },
  ]
  const value: Installation = {
    version: 1,
    method: 'grub',
    state: 'trial',
    installedAt: '2026-01-02T03:04:05Z',
    file: '/sbin/solocloud',
    trialMs: 15 * MINUTE_MS,
    once,
    permanent: [{ path: config(), before: absent, after: file('an entry, and the default') }],
    created: [],
    purge: { onConfirm: false, keep: [] },
    ...changes,
  }
  writeInstallation(directory, value)
  makeChanges(directory, once)
  return value
}

/** Another life of the same boot is another call. */
function begin(): NodeInstallation {
  const begun = beginInstallation({
    native: fakeNative({ ownsMachine: () => 0 }),
    life: memoryLife(lives),
    notes: createNodeNotes(memoryLife(lives)),
    log: createBootLog({ write: (text) => void (shown += text) }),
    clock,
    directory,
  })
  begun.watchTrial((reason) => ended.push(reason))
  return begun
}

const state = (): string | undefined => readInstallation(directory)?.state

test('a node that was not installed over anything has no trial', () => {
  const node = begin()
  expect(node.status()).toBeNull()
  node.noticeCloud('cloud/1: GET /v1/node')
  expect(() => node.confirm('somebody')).toThrow('was not installed over another system')
  expect([clock.timers(), existsSync(directory), shown]).toEqual([0, false, ''])
})

test('the first act on trial is that another boot is the old system', () => {
  install()
  const node = begin()
  expect([read(config()), read(environment())]).toEqual([null, 'old environment'])
  expect(node.status()).toEqual({
    ...{ method: 'grub', state: 'trial' },
    trialEndsAt: new Date(Date.UTC(2030, 0, 1) + BOOT_MS + 15 * MINUTE_MS).toISOString(),
  })
  expect(shown).toContain('on trial until 2030-01-01T00:15:07.000Z (15 min)')
})

test('without a confirmation the trial ends, and not before', () => {
  install()
  begin()
  clock.advance(15 * MINUTE_MS - 1001)
  expect(ended).toEqual([])
  clock.advance(1)
  expect(ended).toEqual(['the trial ended without a confirmation'])
  expect(state()).toBe('trial')
})

test('a trial of days ends too', () => {
  install({ trialMs: 60 * 24 * 60 * MINUTE_MS })
  begin()
  clock.advance(60 * 24 * 60 * MINUTE_MS - 1001)
  expect(ended).toEqual([])
  clock.advance(1)
  expect(ended).toHaveLength(1)
})

test('deaths of PID 1 make the trial no longer, and undo nothing twice', () => {
  install()
  begin()
  clock.advance(10 * MINUTE_MS)
  lives.numbers.set('bootMs', clock.nowMs()).set('lives', 2)
  ended = []
  // What another hand has put there since is not the first life's business any more.
  writeFileSync(environment(), 'by hand')
  const second = begin()
  expect(read(environment())).toBe('by hand')
  expect(second.status()?.trialEndsAt).toBe('2030-01-01T00:15:07.000Z')
  clock.advance(5 * MINUTE_MS - 1000)
  expect(ended.length).toBeGreaterThan(0)
})

test('a life that begins after the end goes back at once', () => {
  install()
  begin()
  clock.advance(16 * MINUTE_MS)
  ended = []
  const late = begin()
  expect(ended).toEqual(['the trial ended without a confirmation'])
  expect(() => late.confirm('cloud')).toThrow('The trial is over')
  expect(read(config())).toBeNull()
})

test('any request of cloud confirms: the node is what boots, and stays', () => {
  install()
  const node = begin()
  node.noticeCloud('cloud/0.1.0: GET /v1/apps')
  expect([state(), read(config())]).toEqual(['confirmed', 'an entry, and the default'])
  expect(node.status()).toEqual({ method: 'grub', state: 'confirmed', trialEndsAt: null })
  expect(shown).toContain('confirmed by cloud/0.1.0: GET /v1/apps')
  clock.advance(60 * MINUTE_MS)
  expect(ended).toEqual([])
  expect(node.confirm('again').state).toBe('confirmed')
  expect(begin().status()?.state).toBe('confirmed')
  expect(read(config())).toBe('an entry, and the default')
})

test('a power cut between the permanent changes and the record is a trial again', () => {
  const { permanent } = install()
  begin()
  makeChanges(directory, permanent)
  lives = emptyRecord()
  expect(begin().status()?.state).toBe('trial')
  expect(read(config())).toBeNull()
})

test('what can not be made permanent is not, and the trial goes on', () => {
  const { permanent } = install()
  const [first] = permanent
  if (first === undefined) throw new Error('no change')
  const path = join(place, 'missing/menu.lst')
  writeInstallation(directory, {
    ...install(),
    permanent: [first, { ...first, path }],
  })
  const node = begin()
  expect(() => node.confirm('cloud')).toThrow(
    /can't be made what this machine boots: ENOENT.*; on trial/,
  )
  expect([state(), read(config())]).toEqual(['trial', null])
  node.noticeCloud('cloud/1: GET /v1/node')
  node.noticeCloud('cloud/1: GET /v1/node')
  expect(shown.match(/ENOENT/g)).toHaveLength(1)
  clock.advance(15 * MINUTE_MS)
  expect(ended).toHaveLength(1)
})

test('what can not be taken back is told, and the rest is taken back', () => {
  const value = install()
  const [entry, next] = value.once
  if (entry === undefined || next === undefined) throw new Error('no changes')
  const lost = { ...next.before, sha256: '0'.repeat(64) } as Change['before']
  writeInstallation(directory, { ...value, once: [entry, { ...next, before: lost }] })
  const node = begin()
  expect(read(config())).toBeNull()
  expect(node.problems()).toEqual([expect.stringContaining('grubenv stays changed: ENOENT')])
  expect(shown).toContain('grubenv stays changed')
  expect(begin().problems()).toHaveLength(1)
})

test('a record that is damaged does not keep the node from coming up', () => {
  mkdirSync(directory)
  writeFileSync(join(directory, 'record.json'), '{"version": 2}')
  const node = begin()
  expect(node.status()).toBeNull()
  expect(node.problems()).toEqual([expect.stringContaining("can't be used")])
})

test('a removal that has begun is not confirmed', () => {
  install({ state: 'uninstalling' })
  expect(() => begin().confirm('cloud')).toThrow('is being removed')
})
