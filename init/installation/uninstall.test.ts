import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { makeChanges } from '../../installation/changes.ts'
import { readInstallation } from '../../installation/record.ts'
import type { Installation } from '../../protocol/installation.ts'
import { emptyRecord } from '../../sys/fake-life.ts'
import { TestInstallation } from './test-installation.ts'

let at: TestInstallation
beforeEach(() => {
  at = new TestInstallation()
  mkdirSync(join(at.place, 'chroots/.generations/foo/1'), { recursive: true })
  writeFileSync(join(at.place, 'chroots/.generations/foo/1/file'), '')
})
afterEach(() => at[Symbol.dispose]())

/** As on a node, but where everything is. */
function install(changes: Partial<Installation> = {}): void {
  const file = join(at.place, 'sbin/solocloud')
  const created = [file, join(at.place, 'chroots'), join(at.place, 'var/lib/solocloud')]
  at.install({ file, created, ...changes })
  for (const ending of ['', '.previous', '.new']) writeFileSync(`${file}${ending}`, 'the file')
  mkdirSync(join(at.place, 'var/lib/solocloud/logs'))
  writeFileSync(join(at.place, 'var/lib/solocloud/state.db'), '')
}
const there = (path: string): boolean => existsSync(join(at.place, path))

test('a confirmed node gives back what boots, and goes without a trace', async () => {
  install()
  const node = at.begin()
  node.confirm('cloud')
  expect(at.read(at.config)).not.toBeNull()
  node.giveBoot()
  expect([at.read(at.config), at.read(at.environment)]).toEqual([null, 'old environment'])
  expect([at.state, there('chroots'), there('sbin/solocloud')]).toEqual([
    'uninstalling',
    true,
    true,
  ])
  await node.removeCreated()
  expect(['chroots', 'var/lib/solocloud/logs', 'sbin/solocloud'].map(there)).toEqual([
    ...[false, false, true],
  ])
  expect(at.state).toBe('uninstalling')
  node.removeLast()
  const gone = [
    'sbin/solocloud',
    'sbin/solocloud.previous',
    'sbin/solocloud.new',
    'var/lib/solocloud',
  ]
  expect(gone.map(there)).toEqual([false, false, false, false])
  expect(['var/lib', 'usr/bin/bash', 'etc/passwd', 'boot'].map(there)).toEqual([
    ...[true, true, true, true],
  ])
})

test('what install has not made stays', async () => {
  install({ created: [join(at.place, 'chroots')] })
  const node = at.begin()
  node.giveBoot()
  await node.removeCreated()
  node.removeLast()
  expect(['chroots', 'sbin/solocloud', 'var/lib/solocloud/state.db'].map(there)).toEqual([
    ...[false, true, true],
  ])
})

test('on trial it goes back at once, and the trial has no end any more', () => {
  install()
  const node = at.begin()
  node.giveBoot()
  expect([at.state, at.clock.timers()]).toEqual(['uninstalling', 0])
  expect(() => node.confirm('cloud')).toThrow('is being removed')
})

test.each(['purging', 'purged'] as const)(
  'a node that is %s has nothing to go back to',
  (state) => {
    install({ state })
    expect(() => at.begin().giveBoot()).toThrow('The old system has been removed')
    expect(at.state).toBe(state)
  },
)

test('a node that was not installed is not removed', () => {
  expect(() => at.begin().giveBoot()).toThrow('was not installed over another system')
})

test('when what boots can not be given back, the node stays what boots', () => {
  install()
  at.begin().confirm('cloud')
  const sha256 = '0'.repeat(64)
  const [change] = readInstallation(at.directory)?.permanent ?? []
  if (change === undefined) throw new Error('no change')
  const before = { ...change.after, kind: 'file' as const, mode: 0, uid: 0, gid: 0, sha256 }
  const record = at.install({ state: 'confirmed', permanent: [{ ...change, before }] })
  makeChanges(at.directory, record.permanent)
  expect(() => at.begin().giveBoot()).toThrow(
    /can't be given back: .*custom.cfg stays changed: ENOENT/,
  )
  expect([at.state, at.read(at.config)]).toEqual(['confirmed', 'an entry, and the default'])
})

test('what is mounted in it is not emptied', async () => {
  install()
  writeFileSync(at.mountInfo, `2 1 8:2 / ${at.place}/chroots/.generations/foo/1 rw - ext4 x rw\n`)
  const node = at.begin()
  node.giveBoot()
  await node.removeCreated()
  expect(there('chroots/.generations/foo/1/file')).toBe(true)
  expect(at.shown).toMatch(/warning: \S+chroots stays: \S+foo\/1 is mounted/)
})

test('a power cut on the way: the next boot ends it', () => {
  install()
  at.begin().confirm('cloud')
  const record = at.read(join(at.directory, 'record.json')) ?? ''
  writeFileSync(
    join(at.directory, 'record.json'),
    record.replace('"state": "confirmed"', '"state": "uninstalling"'),
  )
  at.lives = emptyRecord()
  const node = at.begin()
  const uninstall = vi.fn(() => node.giveBoot())
  node.resume(uninstall)
  expect(uninstall).toHaveBeenCalledOnce()
  expect([at.read(at.config), at.state]).toEqual([null, 'uninstalling'])
})
