import * as fs from 'node:fs'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CrashReport } from '../../protocol/api.ts'
import { fakeLog } from '../supervisor/fake-node.ts'
import {
  BYTES_MAX,
  createCrashStore,
  FILES_MAX,
  readCrashes,
  type CrashStore,
} from './crash-store.ts'

let dir: string
let directory: string
let store: CrashStore
let log: ReturnType<typeof fakeLog>
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'crashes-'))
  directory = join(dir, 'crashes')
  log = fakeLog()
  store = createCrashStore({ directory, log })
})
afterEach(() => rmSync(dir, { recursive: true }))

const report = (life: number, changes: Partial<CrashReport> = {}): CrashReport => ({
  at: new Date(Date.UTC(2030, 0, 1, 0, 0, life)).toISOString(),
  life,
  uptimeMs: 1000,
  reason: 'SIGSEGV',
  address: '0x10',
  nativeStack: ['0x4010', '0x5020'],
  jsStack: null,
  thread: 'main',
  version: '0.1.0',
  ...changes,
})
const lives = (): number[] => readCrashes(directory).map(({ life }) => life)
const bytes = (): number =>
  readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)

test('none yet', () => {
  expect(readCrashes(directory)).toEqual([])
})

test('a report is read as it was written, newest first, by the number of the life at one time', () => {
  const reports = [report(1), report(9), report(10, { at: report(9).at, jsStack: 'Error\n  at x' })]
  for (const one of reports) expect(store.write(one)).toBe(true)
  expect(readCrashes(directory)).toEqual(reports.toReversed())
  expect(readdirSync(directory)).toContain('2030-01-01T000001.000Z-1.json')
})

test('the oldest go when there are too many', () => {
  for (let life = 1; life <= FILES_MAX + 10; life++) store.write(report(life))
  expect(lives()).toEqual(Array.from({ length: FILES_MAX }, (_, i) => FILES_MAX + 10 - i))
})

test('and when they are too big; one that is longer than any should be is cut', () => {
  const frames = Array.from({ length: 1000 }, () => 'x'.repeat(1000))
  const long = { jsStack: '\u{1f4a5}'.repeat(10_000), nativeStack: frames, reason: 'y'.repeat(1e6) }
  for (let life = 1; life <= 30; life++) expect(store.write(report(life, long))).toBe(true)
  expect(lives()[0]).toBe(30)
  expect(lives().length).toBeLessThan(30)
  expect(bytes()).toBeLessThanOrEqual(BYTES_MAX)
  expect(readCrashes(directory)[0]?.nativeStack.length).toBe(128)
})

test('a clock that was set back: the report just written stays', () => {
  for (let life = 1; life <= FILES_MAX; life++) store.write(report(life))
  store.write(report(99, { at: '1970-01-01T00:00:01Z' }))
  expect(lives()).toContain(99)
  expect(lives().length).toBe(FILES_MAX)
})

test('a full disk costs the report only, and leaves nothing', () => {
  store.write(report(1))
  const full = (): never => {
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
  }
  const disk = { ...fs, writeFileSync: full }
  expect(createCrashStore({ directory, log, disk }).write(report(2))).toBe(false)
  expect(log.lines).toEqual(['error the report of a death could not be stored: ENOSPC'])
  expect([lives(), readdirSync(directory).length]).toEqual([[1], 1])
})

test('a time that is none costs the report only', () => {
  expect(store.write(report(1, { at: 'yesterday' }))).toBe(false)
})

test('what is damaged or of somebody else is left out, and what was half written goes', () => {
  store.write(report(1))
  for (const [name, text] of [
    ['2030-01-01T000002.000Z-2.json', '{'],
    ['2030-01-01T000003.000Z-3.json', '{"at":"2030-01-01T00:00:03Z"}'],
    ['notes.txt', 'x'],
    ['2030-01-01T000004.000Z-4.json.partial', ''],
  ] as const)
    writeFileSync(join(directory, name), text)
  store.write(report(5))
  expect(lives()).toEqual([5, 1])
  expect(readdirSync(directory).filter((name) => name.endsWith('.partial'))).toEqual([])
  expect(readFileSync(join(directory, 'notes.txt'), 'utf8')).toBe('x')
})
