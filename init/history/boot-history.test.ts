import * as fs from 'node:fs'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { BootEnd } from '../../protocol/api.ts'
import { fakeLog } from '../supervisor/fake-node.ts'
import { createBootHistory, readEndedBoots, type BootHistory } from './boot-history.ts'

let dir: string
let path: string
let proc: string
let nowMs: number
const log = fakeLog()
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'boots-'))
  path = join(dir, 'boots.json')
  proc = join(dir, 'proc')
  mkdirSync(join(proc, 'sys/kernel/random'), { recursive: true })
  mkdirSync(join(proc, 'self'))
  nowMs = Date.UTC(2030, 0, 1)
  log.lines.length = 0
})
afterEach(() => rmSync(dir, { recursive: true }))

const DAY_MS = 86_400_000

/** The kernel of this boot, and when its PID 1 was started. The name is one that a process may choose. */
function machine(bootId: string, startTime: number): void {
  writeFileSync(join(proc, 'sys/kernel/random/boot_id'), `${bootId}\n`)
  const fields = Array.from({ length: 18 }, (_, i) => i).join(' ')
  writeFileSync(join(proc, 'self/stat'), `1 (in) it) S ${fields} ${startTime} 20 21\n`)
}

const history = (disk?: Parameters<typeof createBootHistory>[0]['disk']): BootHistory =>
  createBootHistory({
    path,
    proc,
    version: '0.1.0',
    wallMs: () => nowMs,
    log,
    ...(disk && { disk }),
  })

/** A first life: the machine is on. */
function turnOn(bootId: string, startTime = 1): BootHistory {
  nowMs += DAY_MS
  machine(bootId, startTime)
  const boot = history()
  boot.begin()
  return boot
}
const ended = (): BootEnd[] => readEndedBoots({ path, proc })
const day = (date: number): string => new Date(Date.UTC(2030, 0, date)).toISOString()

test('the first boot has none before it', () => {
  expect(ended()).toEqual([])
  turnOn('one')
  expect([ended(), log.lines]).toEqual([[], []])
})

test('one that was shut down, one that was cut off', () => {
  turnOn('one').end('reboot', 'cloud reboot')
  turnOn('two')
  turnOn('three')
  expect(ended()).toEqual([
    { startedAt: day(3), version: '0.1.0', shutDown: null, panic: null },
    {
      startedAt: day(2),
      version: '0.1.0',
      shutDown: { how: 'reboot', reason: 'cloud reboot', at: day(2) },
      panic: null,
    },
  ])
})

test('a later life of one boot is the same boot', () => {
  turnOn('one')
  const boots = readFileSync(path, 'utf8')
  nowMs += DAY_MS
  history().begin()
  expect([ended(), readFileSync(path, 'utf8')]).toEqual([[], boots])
})

test("a container's next start is another boot of the same kernel", () => {
  turnOn('host', 100).end('reboot', 'SIGINT')
  turnOn('host', 200)
  turnOn('host', 300)
  expect(ended().map(({ shutDown }) => shutDown?.how ?? 'cut off')).toEqual(['cut off', 'reboot'])
})

test('the last words of a kernel belong to the boot before', () => {
  turnOn('one')
  expect(turnOn('two').addPanic('Kernel panic - not syncing')).toBe(true)
  expect(ended().map(({ panic }) => panic)).toEqual(['Kernel panic - not syncing'])
  turnOn('three')
  expect(ended().map(({ panic }) => panic)).toEqual([null, 'Kernel panic - not syncing'])
})

test('the last words of a kernel that nobody knows are told and forgotten', () => {
  expect(turnOn('one').addPanic('Kernel panic')).toBe(true)
  expect([ended(), log.lines]).toEqual([[], ['warn a kernel of before this installation said']])
})

test('the last 20 are kept', () => {
  for (let boot = 0; boot < 30; boot++) turnOn(`${boot}`)
  expect(ended().length).toBe(20)
})

test.each(['', '{}', '[]', '{"id":"one","current":null,"ended":[]}'])(
  'a damaged file (%s) is begun anew',
  (text) => {
    turnOn('one')
    writeFileSync(path, text)
    expect(ended()).toEqual([])
    turnOn('two')
    turnOn('three')
    expect(ended()).toHaveLength(1)
  },
)

test('a full disk: the boot before is still known, and nothing throws', () => {
  turnOn('one')
  machine('two', 1)
  const full = (): never => {
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
  }
  const boot = history({ ...fs, writeFileSync: full })
  boot.begin()
  boot.end('power-off', 'the power button')
  expect(boot.addPanic('Kernel panic')).toBe(false)
  expect(log.lines).toHaveLength(3)
  expect(ended()).toHaveLength(1)
})

test('without /proc there is no history', () => {
  rmSync(proc, { recursive: true })
  history().begin()
  expect(log.lines).toEqual([
    expect.stringContaining('error the beginning of this boot is not recorded: ENOENT'),
  ])
  expect(ended()).toEqual([])
})

test("this process's own start stays the same", () => {
  const real = { path, proc: '/proc' }
  const boot = createBootHistory({ ...real, version: '0', wallMs: () => nowMs, log })
  boot.begin()
  boot.begin()
  expect(readEndedBoots(real)).toEqual([])
})
