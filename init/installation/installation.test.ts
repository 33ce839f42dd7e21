import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeChanges } from '../../installation/changes.ts'
import { writeInstallation } from '../../installation/record.ts'
import type { Change } from '../../protocol/installation.ts'
import { emptyRecord } from '../../sys/fake-life.ts'
import { BOOT_MS, MINUTE_MS, TestInstallation } from './test-installation.ts'

let at: TestInstallation
beforeEach(() => (at = new TestInstallation()))
afterEach(() => at[Symbol.dispose]())

test('a node that was not installed over anything has no trial', () => {
  const node = at.begin()
  expect(node.status()).toBeNull()
  node.noticeCloud('cloud/1: GET /v1/node')
  expect(() => node.confirm('somebody')).toThrow('was not installed over another system')
  expect([at.clock.timers(), existsSync(at.directory), at.shown]).toEqual([0, false, ''])
})

test('the first act on trial is that another boot is the old system', () => {
  at.install()
  const node = at.begin()
  expect([at.read(at.config), at.read(at.environment)]).toEqual([null, 'old environment'])
  expect(node.status()).toEqual({
    ...{ method: 'grub', state: 'trial' },
    trialEndsAt: new Date(Date.UTC(2030, 0, 1) + BOOT_MS + 15 * MINUTE_MS).toISOString(),
  })
  expect(at.shown).toContain('on trial until 2030-01-01T00:15:07.000Z (15 min)')
})

test('without a confirmation the trial ends, and not before', () => {
  at.install()
  at.begin()
  at.clock.advance(15 * MINUTE_MS - 1001)
  expect(at.ended).toEqual([])
  at.clock.advance(1)
  expect(at.ended).toEqual(['the trial ended without a confirmation'])
  expect(at.state).toBe('trial')
})

test('a trial of days ends too', () => {
  at.install({ trialMs: 60 * 24 * 60 * MINUTE_MS })
  at.begin()
  at.clock.advance(60 * 24 * 60 * MINUTE_MS - 1001)
  expect(at.ended).toEqual([])
  at.clock.advance(1)
  expect(at.ended).toHaveLength(1)
})

test('deaths of PID 1 make the trial no longer, and undo nothing twice', () => {
  at.install()
  at.begin()
  at.clock.advance(10 * MINUTE_MS)
  at.lives.numbers.set('bootMs', at.clock.nowMs()).set('lives', 2)
  at.ended.length = 0
  // What another hand has put there since is not the first life's business any more.
  writeFileSync(at.environment, 'by hand')
  const second = at.begin()
  expect(at.read(at.environment)).toBe('by hand')
  expect(second.status()?.trialEndsAt).toBe('2030-01-01T00:15:07.000Z')
  at.clock.advance(5 * MINUTE_MS - 1000)
  expect(at.ended.length).toBeGreaterThan(0)
})

test('a life that begins after the end goes back at once', () => {
  at.install()
  at.begin()
  at.clock.advance(16 * MINUTE_MS)
  at.ended.length = 0
  const late = at.begin()
  expect(at.ended).toEqual(['the trial ended without a confirmation'])
  expect(() => late.confirm('cloud')).toThrow('The trial is over')
  expect(at.read(at.config)).toBeNull()
})

test('any request of cloud confirms: the node is what boots, and stays', () => {
  at.install()
  const node = at.begin()
  node.noticeCloud('cloud/0.1.0: GET /v1/apps')
  expect([at.state, at.read(at.config)]).toEqual(['confirmed', 'an entry, and the default'])
  expect(node.status()).toEqual({ method: 'grub', state: 'confirmed', trialEndsAt: null })
  expect(at.shown).toContain('confirmed by cloud/0.1.0: GET /v1/apps')
  at.clock.advance(60 * MINUTE_MS)
  expect(at.ended).toEqual([])
  expect(node.confirm('again').state).toBe('confirmed')
  expect(at.begin().status()?.state).toBe('confirmed')
  expect(at.read(at.config)).toBe('an entry, and the default')
})

// A kexec has changed nothing for its one boot.
test.each(['grub', 'kexec'] as const)(
  '%s: a power cut between the permanent changes and the record is a trial again',
  (method) => {
    const { permanent } = at.install(method === 'kexec' ? { method, once: [] } : {})
    at.begin()
    makeChanges(at.directory, permanent)
    at.lives = emptyRecord()
    expect(at.begin().status()?.state).toBe('trial')
    expect(at.read(at.config)).toBeNull()
  },
)

test('what the old system has at a path that only a confirmation changes stays', () => {
  at.install({ method: 'kexec', once: [] })
  writeFileSync(at.config, 'by hand')
  at.begin()
  expect(at.read(at.config)).toBe('by hand')
})

test('what can not be made permanent is not, and the trial goes on', () => {
  const { permanent } = at.install()
  const [first] = permanent
  if (first === undefined) throw new Error('no change')
  const path = join(at.place, 'missing/menu.lst')
  writeInstallation(at.directory, {
    ...at.install(),
    permanent: [first, { ...first, path }],
  })
  const node = at.begin()
  expect(() => node.confirm('cloud')).toThrow(
    /can't be made what this machine boots: ENOENT.*; on trial/,
  )
  expect([at.state, at.read(at.config)]).toEqual(['trial', null])
  node.noticeCloud('cloud/1: GET /v1/node')
  node.noticeCloud('cloud/1: GET /v1/node')
  expect(at.shown.match(/ENOENT/g)).toHaveLength(1)
  at.clock.advance(15 * MINUTE_MS)
  expect(at.ended).toHaveLength(1)
})

test('what can not be taken back is told, and the rest is taken back', () => {
  const value = at.install()
  const [entry, next] = value.once
  if (entry === undefined || next === undefined) throw new Error('no changes')
  const lost = { ...next.before, sha256: '0'.repeat(64) } as Change['before']
  writeInstallation(at.directory, { ...value, once: [entry, { ...next, before: lost }] })
  const node = at.begin()
  expect(at.read(at.config)).toBeNull()
  expect(node.problems()).toEqual([expect.stringContaining('grubenv stays changed: ENOENT')])
  expect(at.shown).toContain('grubenv stays changed')
  expect(at.begin().problems()).toHaveLength(1)
})

test('a record that is damaged does not keep the node from coming up', () => {
  mkdirSync(at.directory, { recursive: true })
  writeFileSync(join(at.directory, 'record.json'), '{"version": 2}')
  const node = at.begin()
  expect(node.status()).toBeNull()
  expect(node.problems()).toEqual([expect.stringContaining("can't be used")])
})

test('a boot for a trial without its record ends in the old system', () => {
  using test = new TestInstallation()
  const begun = test.begin(15 * MINUTE_MS)
  expect(begun.problems()).toEqual([
    expect.stringContaining('the record of the installation is not there'),
  ])
  expect(() => begun.confirm('cloud')).toThrow('the record of the installation is not there')
  test.clock.advance(15 * MINUTE_MS - 2000)
  expect(test.ended).toEqual([])
  // Another life of that boot has the same end.
  test.begin(15 * MINUTE_MS)
  test.clock.advance(2000)
  expect(test.ended.length).toBeGreaterThan(0)
})

test("where the record is, the kernel's words count for nothing", () => {
  using test = new TestInstallation()
  test.install({ state: 'confirmed' })
  test.begin(MINUTE_MS)
  test.clock.advance(MINUTE_MS)
  expect(test.ended).toEqual([])
})

test('a removal that has begun is not confirmed', () => {
  at.install({ state: 'uninstalling' })
  expect(() => at.begin().confirm('cloud')).toThrow('is being removed')
})
