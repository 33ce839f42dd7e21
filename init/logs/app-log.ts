// One app's log: what its two pipes bring becomes lines with a time, in a file, in a tail in memory and at
// whoever follows.
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { LogLine, LogStream } from '../../protocol/api.ts'
import { criPrefix } from './cri.ts'
import type { Journal, Taken } from './journal.ts'
import { createLineSplitter } from './line-splitter.ts'
import { createLogFile, type Disk, type Loss } from './log-file.ts'
import { createOutput, NOT_BEGUN, type Begun, type SavedLoss } from './log-output.ts'
import { createLogTail, decodeLine, LINE_OVERHEAD_BYTES } from './log-tail.ts'
import { readTail } from './read-tail.ts'

export interface LogLimits {
  fileBytesMax: number
  filesMax: number
  /** Of one app's tail in memory, counted as characters and a constant for each line. */
  tailBytesMax: number
}

export const LOG_LIMITS: LogLimits = {
  fileBytesMax: 10_000_000,
  filesMax: 5,
  tailBytesMax: 8 * 1024,
}

export interface LogsOptions {
  dir: string
  limits: LogLimits
  /** Unix time. */
  wallMs: () => number
  journal: Journal
  disk?: Disk
}

export interface Logs {
  open(app: string): AppLog
  /**
   * Brings the chunk to its end that the life before had under way; `at` finds the log of a place. Comes
   * after the logs of that life are attached, and before anything is read.
   */
  recover(at: (place: number) => AppLog | undefined): void
}

/** Whose log it is. */
export interface LogHome {
  /** The app's place in the life record. */
  place: number
  /** Keeps it for the next life. */
  saveLoss: (loss: SavedLoss | null) => void
  /** Runs `work`; a bug in it is this app's alone. */
  guard: (work: () => void) => void
}

export interface AppLog {
  /** Comes before `read`. A new place has no unfinished lines and no loss. */
  attach(home: LogHome): void
  /** Goes on where the life before was. */
  adopt(home: LogHome, loss: SavedLoss | null): void
  /**
   * One read of a pipe: the count, 0 at its end, null when nothing waits. What it brings is on disk when
   * this returns: a slow disk slows the app.
   */
  read(stream: LogStream, fd: number): number | null
  /** What the life before had read; `bytes` is valid during the call only. */
  redo(stream: LogStream, wallMs: number, bytes: Uint8Array, begun: Begun): void
  /** Both pipes have ended: a last line without a newline is a line too. */
  flush: () => void
  /** The last `count` lines, oldest first; from the file when there are more there than in memory. */
  tail(count: number): LogLine[]
  /** How many lines there have been; `since` gives those after such a mark that memory still has. */
  mark: () => number
  since(mark: number, countMax: number): LogLine[]
  /** Calls `listener` for each new line until the returned function is called. */
  follow(listener: (line: LogLine) => void): () => void
  /** Closes the file; it is opened again when needed. */
  close: () => void
  /** Deletes the files. */
  remove(): void
}

/** One write to disk; a longest line fits with room to spare. */
const BATCH_BYTES = 128 * 1024
/** One read of a pipe: LIFE_LOG_SIZE of native/life.h. */
const CHUNK_BYTES = 64 * 1024
/** How far back `tail` reads on disk. */
const READ_BYTES_MAX = 4 * 1024 * 1024
const NOTHING = new Uint8Array()

interface Shared {
  /** One chunk and one batch at a time in the whole process: nothing comes in between. */
  chunk: Buffer
  batch: Buffer
}

export function createLogs(options: LogsOptions): Logs {
  const { dir, journal } = options
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
  const shared = {
    chunk: Buffer.allocUnsafeSlow(CHUNK_BYTES),
    batch: Buffer.allocUnsafeSlow(BATCH_BYTES),
  }
  return {
    open: (app) => openLog(options, shared, join(dir, `${app}.log`)),
    recover(at) {
      const pending = journal.pending(shared.chunk)
      if (pending === null) return
      const { child, stream, wallMs, count } = pending
      const log = at(child)
      if (log === undefined) journal.commit(child, stream, NOTHING)
      else log.redo(stream, wallMs, shared.chunk.subarray(0, count), pending)
    },
  }
}

function openLog(options: LogsOptions, { chunk, batch }: Shared, path: string): AppLog {
  const { limits, wallMs, journal, disk = fs } = options
  let at = ''
  const memory = createLogTail(limits.tailBytesMax)
  const splitters = { stdout: createLineSplitter(), stderr: createLineSplitter() }
  const followers = new Set<(line: LogLine) => void>()
  const lostLine = ({ count, why }: Loss): string =>
    `${criPrefix(at, 'stderr', false)}[solocloud: ${count} lines lost here: ${why}]\n`
  const { fileBytesMax: bytesMax, filesMax } = limits
  const file = createLogFile({ path, bytesMax, filesMax, disk, lostLine })
  let home: LogHome = {
    place: -1,
    saveLoss: () => undefined,
    guard: (work) => work(),
  }
  let saved: SavedLoss | null = null

  const saveLoss = (loss: SavedLoss | null): void => {
    saved = loss
    home.saveLoss(loss)
  }
  /** What `saved` says of the chunk before must not be taken for the next one's. */
  const settleLoss = (): void => {
    if (saved === null || (saved.upTo === 0 && saved.now !== null)) return
    saveLoss(saved.now && { now: saved.now, before: saved.now, upTo: 0 })
  }
  /** Hands the lines of one chunk to the file, the followers and the tail. */
  const write = (stream: LogStream, bytes: Uint8Array, begun: Begun): void => {
    const splitter = splitters[stream]
    const output = createOutput({ file, journal, batch, begun, saveLoss })
    const keep = keepLast(Math.ceil(limits.tailBytesMax / LINE_OVERHEAD_BYTES))
    // Made once a chunk: one of an app that prints empty lines has 65,536 of them.
    const whole = Buffer.from(criPrefix(at, stream, false))
    const part = Buffer.from(criPrefix(at, stream, true))
    splitter.push(bytes, (line, partial) => {
      output.line(partial ? part : whole, line)
      keep.line(line)
      if (followers.size > 0) tell({ at, stream, line: decodeLine(line) })
    })
    output.end()
    journal.commit(home.place, stream, splitter.rest())
    memory.skip(keep.skipped())
    for (const line of keep.lines()) memory.push({ at, stream, line: decodeLine(line) })
  }
  const tell = (line: LogLine): void => {
    for (const follower of followers) home.guard(() => follower(line))
  }
  const take = (stream: LogStream, work: (nowMs: number) => Taken): Taken => {
    settleLoss()
    const nowMs = wallMs()
    const count = work(nowMs)
    if (count === null || count === 0) return count
    at = new Date(nowMs).toISOString()
    write(stream, chunk.subarray(0, count), NOT_BEGUN)
    return count
  }
  const flush = (stream: LogStream): void => {
    if (splitters[stream].rest().length > 0)
      take(stream, (nowMs) => journal.takeNewline(home.place, stream, nowMs, chunk))
  }

  return {
    attach(next) {
      home = next
      for (const stream of ['stdout', 'stderr'] as const)
        if (journal.rest(home.place, stream).length > 0) journal.commit(home.place, stream, NOTHING)
    },
    adopt(next, loss) {
      home = next
      saved = loss
      file.restoreLoss(loss?.now ?? null)
      for (const stream of ['stdout', 'stderr'] as const)
        splitters[stream].restore(journal.rest(home.place, stream))
    },
    read: (stream, fd) =>
      take(stream, (nowMs) => journal.take(fd, home.place, stream, nowMs, chunk)),
    redo(stream, takenMs, bytes, begun) {
      if (saved !== null && saved.upTo > begun.done) file.restoreLoss(saved.before)
      at = new Date(takenMs).toISOString()
      write(stream, bytes, begun)
    },
    flush() {
      flush('stdout')
      flush('stderr')
    },
    tail(count) {
      const lines = memory.last(count)
      if (lines.length >= count) return lines
      const onDisk = readTail(path, filesMax, count, READ_BYTES_MAX)
      return onDisk.length > lines.length ? onDisk : lines
    },
    mark: memory.mark,
    since: (mark, countMax) => memory.last(Math.min(memory.mark() - mark, countMax)),
    follow(listener) {
      followers.add(listener)
      return () => void followers.delete(listener)
    },
    close: file.close,
    remove() {
      file.remove()
      memory.clear()
    },
  }
}

interface Kept {
  line(bytes: Uint8Array): void
  /** How many came before those that are kept. */
  skipped(): number
  /** Oldest first. */
  lines(): Uint8Array[]
}

/** Only a chunk's last lines can stay in the tail, so only they are decoded for it. */
function keepLast(countMax: number): Kept {
  const ring: Uint8Array[] = []
  let seen = 0
  return {
    line: (bytes) => void (ring[seen++ % countMax] = bytes),
    skipped: () => Math.max(0, seen - countMax),
    lines() {
      const first = Math.max(0, seen - countMax) % countMax
      return [...ring.slice(first), ...ring.slice(0, first)]
    },
  }
}
