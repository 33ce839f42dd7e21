import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LogLine, LogStream } from '../../protocol/api.ts'
import { createLogs, LOG_LIMITS, type AppLog, type LogLimits } from './app-log.ts'
import { parseCriLine } from './cri.ts'
import { fakeJournal, FakePipes } from './fake-journal.ts'
import type { Disk } from './log-file.ts'

let dir: string
let nowMs: number
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'logs-'))
  nowMs = Date.UTC(2030, 0, 1)
})
afterEach(() => fs.rmSync(dir, { recursive: true }))

const pipes = new FakePipes()
const [OUT, ERR] = [10, 11]
const home = { place: 0, saveLoss: () => undefined, guard: (work: () => void) => work() }
const open = (limits: Partial<LogLimits> = {}, disk: Disk = fs): AppLog => {
  const journal = fakeJournal(pipes)
  const all = { ...LOG_LIMITS, ...limits }
  const log = createLogs({ dir, limits: all, wallMs: () => nowMs, journal, disk }).open('foo')
  log.attach(home)
  return log
}
const file = (suffix = ''): string => fs.readFileSync(join(dir, `foo.log${suffix}`), 'utf8')
const texts = (lines: LogLine[]): string[] => lines.map(({ line }) => line)
const writeBytes = (log: AppLog, bytes: Uint8Array, stream: LogStream = 'stdout'): void => {
  const fd = stream === 'stdout' ? OUT : ERR
  pipes.say(fd, bytes)
  while (pipes.waits(fd) > 0) log.read(stream, fd)
}
const write = (log: AppLog, text: string): void => writeBytes(log, Buffer.from(text))

test('the CRI format, on disk when the call returns', () => {
  const log = open()
  write(log, 'hello\n')
  nowMs += 123
  writeBytes(log, Buffer.from('oh\nno'), 'stderr')
  expect(file()).toBe(
    '2030-01-01T00:00:00.000000000Z stdout F hello\n2030-01-01T00:00:00.123000000Z stderr F oh\n',
  )
  log.flush()
  expect(log.tail(2)).toEqual([
    { at: '2030-01-01T00:00:00.123Z', stream: 'stderr', line: 'oh' },
    { at: '2030-01-01T00:00:00.123Z', stream: 'stderr', line: 'no' },
  ])
})

test('a line over 16 KiB is written in parts', () => {
  const log = open()
  write(log, `${'x'.repeat(16 * 1024)}yz\n`)
  const lines = file().trimEnd().split('\n')
  expect(lines.map((line) => line.slice(38, 41))).toEqual(['P x', 'F y'])
})

test('bytes that are not UTF-8 stay as they are on disk, and are marked where they are shown', () => {
  const log = open()
  writeBytes(log, Buffer.from([0x61, 0xff, 0x0a]))
  expect(fs.readFileSync(join(dir, 'foo.log')).subarray(-3)).toEqual(
    Buffer.from([0x61, 0xff, 0x0a]),
  )
  expect(texts(log.tail(1))).toEqual(['a\ufffd'])
  expect(texts(open().tail(1))).toEqual(['a\ufffd'])
})

test('rotates by size, and no more than so many files are kept', () => {
  const log = open({ fileBytesMax: 1000, filesMax: 3 })
  for (let i = 0; i < 100; i++) write(log, `line ${i} ${'.'.repeat(40)}\n`)
  expect(fs.readdirSync(dir).sort()).toEqual(['foo.log', 'foo.log.1', 'foo.log.2'])
  for (const name of fs.readdirSync(dir))
    expect(fs.statSync(join(dir, name)).size).toBeLessThanOrEqual(1000)
  const all = [file('.2'), file('.1'), file()].join('')
  const numbers = [...all.matchAll(/line (\d+)/g)].map((match) => Number(match[1]))
  expect(numbers).toEqual(Array.from(numbers, (_, index) => 100 - numbers.length + index))
})

test('a batch larger than the shared buffer keeps every line, in order', () => {
  const log = open()
  const lines = Array.from({ length: 20_000 }, (_, index) => String(index))
  write(log, `${lines.join('\n')}\n`)
  const written = file().trimEnd().split('\n')
  expect(written.map((line) => parseCriLine(line)?.line)).toEqual(lines)
})

test('the tail in memory is bounded; what is older comes from the files', () => {
  const log = open({ tailBytesMax: 1000, fileBytesMax: 3000, filesMax: 5 })
  for (let i = 0; i < 100; i++) write(log, `${i}\n`)
  const since = log.since(0, 1000)
  expect(since.length).toBeLessThan(20)
  expect(texts(log.tail(60))).toEqual(Array.from({ length: 60 }, (_, index) => String(40 + index)))
  expect(texts(log.tail(1000))).toHaveLength(100)
  expect(log.tail(0)).toEqual([])
  expect(texts(log.since(log.mark() - 2, 20))).toEqual(['98', '99'])
})

test('a new life shows the lines of the one before', () => {
  write(open(), 'before\n')
  const log = open()
  expect(texts(log.tail(5))).toEqual(['before'])
  write(log, 'after\n')
  expect(texts(log.tail(5))).toEqual(['before', 'after'])
})

test('a line that a power cut tore does not swallow the next', () => {
  fs.writeFileSync(
    join(dir, 'foo.log'),
    '2030-01-01T00:00:00.000000000Z stdout F ok\n2030-01-01T00',
  )
  const log = open()
  write(log, 'next\n')
  expect(texts(open().tail(5))).toEqual(['ok', 'next'])
})

test('followers get each line once, until they leave', () => {
  const log = open()
  const got: string[] = []
  const leave = log.follow(({ line }) => got.push(line))
  write(log, 'a\nb\n')
  leave()
  write(log, 'c\n')
  expect(got).toEqual(['a', 'b'])
})

test('remove deletes every file', () => {
  const log = open({ fileBytesMax: 100, filesMax: 3 })
  for (let i = 0; i < 10; i++) write(log, `${i}${'.'.repeat(50)}\n`)
  log.remove()
  expect(fs.readdirSync(dir)).toEqual([])
  expect(log.tail(5)).toEqual([])
})

/** A disk with so many bytes left; writes what fits and then fails, as a full one does. */
function smallDisk(room: { bytes: number }): Disk {
  const full = (): never => {
    throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  }
  return {
    ...fs,
    writeSync: ((fd: number, data: Uint8Array | string, offset?: number | null) => {
      const bytes = Buffer.from(data).subarray(offset ?? 0)
      const count = Math.min(room.bytes, bytes.length)
      if (count === 0) return full()
      room.bytes -= count
      return fs.writeSync(fd, bytes, 0, count)
    }) as typeof fs.writeSync,
  }
}

test('a full disk costs lines, not the app, and says how many once there is room', () => {
  const room = { bytes: 100 }
  const log = open({}, smallDisk(room))
  write(log, 'one\n') // 44 bytes
  write(log, 'two\nthree\nfour\n') // of which one line fits, and a part of the next
  write(log, 'five\n')
  expect(
    file()
      .trimEnd()
      .split('\n')
      .map((line) => parseCriLine(line)?.line),
  ).toEqual(['one', 'two'])
  expect(texts(log.tail(3))).toEqual(['three', 'four', 'five'])
  room.bytes = 20 // Not even enough to say so.
  write(log, 'six\n')
  room.bytes = 10_000
  write(log, 'seven\n')
  write(log, 'eight\n')
  expect(
    file()
      .trimEnd()
      .split('\n')
      .map((line) => parseCriLine(line)?.line),
  ).toEqual(['one', 'two', '[solocloud: 4 lines lost here: ENOSPC]', 'seven', 'eight'])
})

test('a log that can not be opened is tried again', () => {
  let broken = true
  const disk: Disk = {
    ...fs,
    openSync: ((path: string, flags: string, mode: number) => {
      if (broken) throw Object.assign(new Error('read-only'), { code: 'EROFS' })
      return fs.openSync(path, flags, mode)
    }) as typeof fs.openSync,
  }
  const log = open({}, disk)
  write(log, 'a\nb\n')
  broken = false
  write(log, 'c\n')
  const lines = file()
    .trimEnd()
    .split('\n')
    .map((line) => parseCriLine(line)?.line)
  expect(lines).toEqual(['[solocloud: 2 lines lost here: EROFS]', 'c'])
})
