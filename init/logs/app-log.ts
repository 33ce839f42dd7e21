// One app's log: what its two pipes bring becomes lines with a time, in a file, in a tail in memory and at
// whoever follows.
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { LogLine, LogStream } from '../../protocol/api.ts'
import { criPrefix } from './cri.ts'
import type { Journal, Taken } from './journal.ts'
import { LineSplitter } from './line-splitter.ts'
import { LogFile, type Disk, removeOtherLogs } from './log-file.ts'
import { createOutput, NOT_BEGUN, type Begun, type SavedLoss } from './log-output.ts'
import { decodeLine, LINE_OVERHEAD_BYTES, LogTail } from './log-tail.ts'
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
  tailBytesMax: 4 * 1024,
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
  /** Deletes the logs of all other apps: a power cut may have come after an app went and before its log did. */
  keepOnly(apps: ReadonlySet<string>): void
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
  flush(): void
  /** The last `count` lines, oldest first; from the file when there are more there than in memory. */
  tail(count: number): LogLine[]
  /** How many lines there have been; `since` gives those after such a mark that memory still has. */
  mark(): number
  since(mark: number, countMax: number): LogLine[]
  /** Calls `listener` for each new line until the returned function is called. */
  follow(listener: (line: LogLine) => void): () => void
  /** Closes the file; it is opened again when needed. */
  close(): void
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
const STREAMS: readonly LogStream[] = ['stdout', 'stderr']

interface Shared {
  /** One chunk and one batch at a time in the whole process: nothing comes in between. */
  chunk: Buffer
  batch: Buffer
}

export function createLogs(options: LogsOptions): Logs {
  const { dir, journal } = options
  try {
    fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
  } catch {
    // Each line is lost and counted, as on a full disk; the apps run.
  }
  const shared = {
    chunk: Buffer.allocUnsafeSlow(CHUNK_BYTES),
    batch: Buffer.allocUnsafeSlow(BATCH_BYTES),
  }
  return {
    open: (app) => new OpenLog(options, shared, join(dir, `${app}.log`)),
    recover(at) {
      const pending = journal.pending(shared.chunk)
      if (pending === null) return
      const { child, stream, wallMs, count } = pending
      const log = at(child)
      if (log === undefined) journal.commit(child, stream, NOTHING)
      else log.redo(stream, wallMs, shared.chunk.subarray(0, count), pending)
    },
    keepOnly: (apps) => removeOtherLogs(dir, apps),
  }
}

const NOBODY: LogHome = {
  place: -1,
  saveLoss: () => undefined,
  guard: (work) => work(),
}

class OpenLog implements AppLog {
  readonly #options: LogsOptions
  readonly #shared: Shared
  readonly #path: string
  readonly #memory: LogTail
  readonly #splitters = { stdout: new LineSplitter(), stderr: new LineSplitter() }
  readonly #file: LogFile
  #followers: ((line: LogLine) => void)[] = []
  #home = NOBODY
  #saved: SavedLoss | null = null
  /** The time of the chunk under way. */
  #at = ''

  constructor(options: LogsOptions, shared: Shared, path: string) {
    const { limits, disk = fs } = options
    this.#options = options
    this.#shared = shared
    this.#path = path
    this.#memory = new LogTail(limits.tailBytesMax)
    this.#file = new LogFile({
      ...{ path, bytesMax: limits.fileBytesMax, filesMax: limits.filesMax, disk },
      lostLine: ({ count, why }) =>
        `${criPrefix(this.#at, 'stderr', false)}[solocloud: ${count} lines lost here: ${why}]\n`,
    })
  }

  attach(home: LogHome): void {
    const { journal } = this.#options
    this.#home = home
    for (const stream of STREAMS)
      if (journal.rest(home.place, stream).length > 0) journal.commit(home.place, stream, NOTHING)
  }

  adopt(home: LogHome, loss: SavedLoss | null): void {
    this.#home = home
    this.#saved = loss
    this.#file.restoreLoss(loss?.now ?? null)
    for (const stream of STREAMS)
      this.#splitters[stream].restore(this.#options.journal.rest(home.place, stream))
  }

  read(stream: LogStream, fd: number): number | null {
    const { journal } = this.#options
    const { chunk } = this.#shared
    return this.#take(stream, (nowMs) => journal.take(fd, this.#home.place, stream, nowMs, chunk))
  }

  redo(stream: LogStream, wallMs: number, bytes: Uint8Array, begun: Begun): void {
    if (this.#saved !== null && this.#saved.upTo > begun.done)
      this.#file.restoreLoss(this.#saved.before)
    this.#at = new Date(wallMs).toISOString()
    this.#write(stream, bytes, begun)
  }

  flush(): void {
    const { journal } = this.#options
    const { chunk } = this.#shared
    for (const stream of STREAMS)
      if (this.#splitters[stream].rest().length > 0)
        this.#take(stream, (nowMs) => journal.takeNewline(this.#home.place, stream, nowMs, chunk))
  }

  tail(count: number): LogLine[] {
    const lines = this.#memory.last(count)
    if (lines.length >= count) return lines
    const onDisk = readTail(this.#path, this.#options.limits.filesMax, count, READ_BYTES_MAX)
    return onDisk.length > lines.length ? onDisk : lines
  }

  mark(): number {
    return this.#memory.mark()
  }

  since(mark: number, countMax: number): LogLine[] {
    return this.#memory.last(Math.min(this.#memory.mark() - mark, countMax))
  }

  follow(listener: (line: LogLine) => void): () => void {
    // One of its own, so that the same listener may come twice.
    const follower = (line: LogLine): void => listener(line)
    this.#followers.push(follower)
    return () => {
      this.#followers = this.#followers.filter((other) => other !== follower)
    }
  }

  close(): void {
    this.#file.close()
  }

  remove(): void {
    this.#file.remove()
    this.#memory.clear()
  }

  #take(stream: LogStream, work: (nowMs: number) => Taken): Taken {
    this.#settleLoss()
    const nowMs = this.#options.wallMs()
    const count = work(nowMs)
    if (count === null || count === 0) return count
    this.#at = new Date(nowMs).toISOString()
    this.#write(stream, this.#shared.chunk.subarray(0, count), NOT_BEGUN)
    return count
  }

  /** Hands the lines of one chunk to the file, the followers and the tail. */
  #write(stream: LogStream, bytes: Uint8Array, begun: Begun): void {
    const { journal, limits } = this.#options
    const at = this.#at
    const splitter = this.#splitters[stream]
    const output = createOutput({
      ...{ file: this.#file, journal, batch: this.#shared.batch, begun },
      saveLoss: (loss) => this.#saveLoss(loss),
    })
    const keep = keepLast(Math.ceil(limits.tailBytesMax / LINE_OVERHEAD_BYTES))
    // Made once a chunk: one of an app that prints empty lines has 65,536 of them.
    const whole = Buffer.from(criPrefix(at, stream, false))
    const part = Buffer.from(criPrefix(at, stream, true))
    splitter.push(bytes, (line, partial) => {
      output.line(partial ? part : whole, line)
      keep.line(line)
      if (this.#followers.length > 0) this.#tell({ at, stream, line: decodeLine(line) })
    })
    output.end()
    journal.commit(this.#home.place, stream, splitter.rest())
    this.#memory.skip(keep.skipped())
    for (const line of keep.lines()) this.#memory.push({ at, stream, line: decodeLine(line) })
  }

  #tell(line: LogLine): void {
    for (const follower of this.#followers) this.#home.guard(() => follower(line))
  }

  #saveLoss(loss: SavedLoss | null): void {
    this.#saved = loss
    this.#home.saveLoss(loss)
  }

  /** What `#saved` says of the chunk before must not be taken for the next one's. */
  #settleLoss(): void {
    const saved = this.#saved
    if (saved === null || (saved.upTo === 0 && saved.now !== null)) return
    this.#saveLoss(saved.now && { now: saved.now, before: saved.now, upTo: 0 })
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
