// Deaths of PID 1 anywhere between two steps of a log: what is in the files afterwards must be what an
// undisturbed run writes.
import fc from 'fast-check'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LogStream } from '../../protocol/api.ts'
import { createLogs, type AppLog, type LogLimits } from './app-log.ts'
import { emptyJournal, fakeJournal, FakePipes } from './fake-journal.ts'
import { LINE_BYTES_MAX } from './line-splitter.ts'
import type { Disk } from './log-file.ts'
import type { SavedLoss } from './log-output.ts'

const DEATH = new Error('the death')
const PLACE = 5
const STREAMS = { stdout: 10, stderr: 11 } as const

/** Throws at its `at`-th step and at every later one, whoever catches the first. */
class Fate {
  steps = 0
  readonly #at: number
  constructor(at: number) {
    this.#at = at
  }
  step(): void {
    if (++this.steps >= this.#at) throw DEATH
  }
  get over(): boolean {
    return this.steps >= this.#at
  }
}

/** What a test does, in order. */
type Move =
  | { say: LogStream; bytes: Buffer }
  | { end: true }
  /** From now on the disk has so many bytes left. */
  | { room: number }

interface Machine {
  dir: string
  pipes: FakePipes
  journal: ReturnType<typeof emptyJournal>
  loss: SavedLoss | null
  room: number
  nowMs: number
}

/** A disk that takes at most `room` bytes, a part of a write first, and gives back what is cut off. */
function limitedDisk(machine: Machine, fate: Fate): Disk {
  const sizeOf = (fd: number): number => fs.fstatSync(fd).size
  const stepped =
    <A extends unknown[], R>(call: (...args: A) => R) =>
    (...args: A): R => {
      fate.step()
      return call(...args)
    }
  return {
    openSync: stepped(fs.openSync),
    readSync: fs.readSync,
    existsSync: fs.existsSync,
    fstatSync: fs.fstatSync,
    closeSync: fs.closeSync,
    renameSync: stepped(fs.renameSync),
    rmSync: stepped(fs.rmSync),
    ftruncateSync: stepped((fd: number, size?: number | null) => {
      machine.room += sizeOf(fd) - (size ?? 0)
      fs.ftruncateSync(fd, size ?? 0)
    }),
    writeSync: stepped((fd: number, data: Uint8Array | string, offset?: number | null) => {
      const bytes = Buffer.from(data).subarray(offset ?? 0)
      // In two halves, so that a death can come in the middle of a batch.
      const count = Math.min(machine.room, Math.ceil(bytes.length / 2))
      if (count === 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
      machine.room -= count
      return fs.writeSync(fd, bytes, 0, count)
    }) as typeof fs.writeSync,
  }
}

const LIMITS: LogLimits = { fileBytesMax: 200_000, filesMax: 3, tailBytesMax: 1000 }

/** A life's log; the first one of a machine, or one that goes on. */
function live(machine: Machine, fate: Fate, first: boolean): AppLog {
  const calls = fakeJournal(machine.pipes, machine.journal)
  const journal: typeof calls = {
    ...calls,
    // A death after the chunk was taken, and after a step was noted, too.
    take(...args) {
      fate.step()
      const count = calls.take(...args)
      fate.step()
      return count
    },
    batch(...args) {
      fate.step()
      calls.batch(...args)
      fate.step()
    },
    commit(...args) {
      fate.step()
      calls.commit(...args)
      fate.step()
    },
    takeNewline(...args) {
      fate.step()
      return calls.takeNewline(...args)
    },
  }
  const logs = createLogs({
    ...{ dir: machine.dir, limits: LIMITS, wallMs: () => machine.nowMs },
    ...{ journal, disk: limitedDisk(machine, fate) },
  })
  const log = logs.open('foo')
  const home = {
    place: PLACE,
    guard: (work: () => void) => work(),
    saveLoss(loss: SavedLoss | null) {
      fate.step()
      machine.loss = loss
    },
  }
  if (first) log.attach(home)
  else {
    log.adopt(home, machine.loss)
    logs.recover((place) => (place === PLACE ? log : undefined))
  }
  return log
}

/** Plays a story through as many deaths as it gets, and returns every file. */
function play(
  dir: string,
  story: readonly Move[],
  nextDeath: () => number,
): Record<string, string> {
  const machine: Machine = {
    ...{ dir, pipes: new FakePipes(), journal: emptyJournal() },
    ...{ loss: null, room: Infinity, nowMs: Date.UTC(2030, 0, 1) },
  }
  let fate = new Fate(nextDeath())
  let log = null as AppLog | null
  let begun = false
  /** Lives on until the work is done, however often it is cut short. */
  const surely = (work: (log: AppLog) => void): void => {
    for (;;) {
      try {
        log ??= live(machine, fate, !begun)
        begun = true
        work(log)
        if (!fate.over) return
      } catch (error) {
        if (error !== DEATH) throw error
      }
      if (!fate.over) throw new Error('a life that goes on after its death')
      log = null
      begun = true
      fate = new Fate(nextDeath())
    }
  }
  const readAll = (): void => {
    for (const [stream, fd] of Object.entries(STREAMS) as [LogStream, number][])
      surely((living) => {
        while (machine.pipes.waits(fd) > 0 && !fate.over) living.read(stream, fd)
      })
  }
  for (const move of story) {
    machine.nowMs += 1
    if ('room' in move) machine.room = move.room
    else if ('end' in move) surely((living) => living.flush())
    else {
      machine.pipes.say(STREAMS[move.say], move.bytes)
      readAll()
    }
  }
  log?.close()
  const names = fs.readdirSync(dir).sort()
  return Object.fromEntries(names.map((name) => [name, fs.readFileSync(join(dir, name), 'latin1')]))
}

let dirs: string[] = []
beforeEach(() => {
  dirs = [0, 1].map(() => fs.mkdtempSync(join(tmpdir(), 'log-deaths-')))
})
afterEach(() => {
  for (const dir of dirs) fs.rmSync(dir, { recursive: true })
})

const forever = (): number => Infinity
const emptied = (dir: string): string => {
  for (const name of fs.readdirSync(dir)) fs.rmSync(join(dir, name))
  return dir
}

let undisturbed: { story: readonly Move[]; files: Record<string, string> } | null = null

function compare(story: readonly Move[], nextDeath: () => number): void {
  const [calm = '', wild = ''] = dirs
  if (undisturbed?.story !== story)
    undisturbed = { story, files: play(emptied(calm), story, forever) }
  const { files: expected } = undisturbed
  const found = play(emptied(wild), story, nextDeath)
  // Compared by hand: a difference of megabytes takes minutes to print.
  expect(Object.keys(found)).toEqual(Object.keys(expected))
  for (const [name, text] of Object.entries(expected)) {
    const other = found[name] ?? ''
    if (other === text) continue
    let at = 0
    while (other[at] === text[at]) at++
    const near = (whole: string): string => whole.slice(Math.max(0, at - 100), at + 100)
    expect({ name, at, size: other.length, text: near(other) }).toEqual({
      ...{ name, at, size: text.length, text: near(text) },
    })
  }
}

const say = (stream: LogStream, text: string | Buffer): Move => ({
  say: stream,
  bytes: Buffer.from(text),
})
const EMPTY_LINES = Buffer.alloc(8000, '\n') // Each is 40 bytes in the file: three batches.

const stories: [string, Move[]][] = [
  [
    'lines that go on in the next chunk',
    [
      say('stdout', 'one\ntw'),
      say('stderr', 'oh '),
      say('stdout', 'o\nthr'),
      say('stderr', 'no\n'),
    ],
  ],
  ['a last line without a newline', [say('stdout', 'a\nb'), say('stderr', 'c'), { end: true }]],
  ['a chunk of several batches, with a rotation within it', [say('stdout', EMPTY_LINES)]],
  [
    'rotations beyond the last file',
    [say('stdout', EMPTY_LINES), say('stderr', EMPTY_LINES), say('stdout', EMPTY_LINES)],
  ],
  [
    'a long line, in parts',
    [
      say('stdout', 'x'.repeat(LINE_BYTES_MAX + 7)),
      say('stdout', 'y'.repeat(LINE_BYTES_MAX - 7)),
      say('stdout', 'z\n'),
      { end: true },
    ],
  ],
  [
    'a disk that is full, and then is not',
    [
      say('stdout', 'one\n'),
      { room: 100 },
      say('stdout', 'two\nthree\nfour\nfive\n'),
      say('stderr', 'six\n'),
      { room: 20 },
      say('stdout', 'seven\n'),
      { room: Infinity },
      say('stdout', 'eight\n'),
      say('stderr', 'nine\n'),
    ],
  ],
  [
    'a disk that fills up within a chunk of several batches',
    [
      say('stdout', 'one\n'),
      { room: 150_000 },
      say('stdout', EMPTY_LINES),
      say('stdout', EMPTY_LINES.subarray(0, 3000)),
      { room: Infinity },
      say('stdout', EMPTY_LINES.subarray(0, 5)),
    ],
  ],
]

test.each(stories)(
  '%s: one death at every step',
  (_, story) => {
    let deaths = 0
    let lives = 2
    for (let at = 1; lives > 1; at++) {
      lives = 0
      compare(story, () => (++lives === 1 ? at : Infinity))
      deaths += lives - 1
    }
    expect(deaths).toBeGreaterThan(5)
  },
  60_000,
)

const chunk = fc.oneof(
  fc.stringMatching(/^[a-c\n]{0,30}$/).map((text) => Buffer.from(text)),
  fc.constant(EMPTY_LINES),
  fc.constant(Buffer.alloc(LINE_BYTES_MAX, 'x')),
)
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ say: fc.constantFrom('stdout', 'stderr'), bytes: chunk }) },
  { weight: 1, arbitrary: fc.constant<Move>({ end: true }) },
  { weight: 2, arbitrary: fc.record({ room: fc.constantFrom(0, 50, 1000, 200_000, Infinity) }) },
)

test('random stories with many deaths', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
  fc.assert(
    fc.property(
      fc.array(move, { minLength: 1, maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 }),
      (story, deaths) => {
        const left = [...deaths]
        compare(story, () => left.shift() ?? Infinity)
      },
    ),
    { seed, numRuns: 150 },
  )
}, 60_000)
