// One app's log: what its two pipes bring becomes lines with a time, in a file, in a tail in memory and at
// whoever follows.
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { LogLine, LogStream } from '../../protocol/api.ts'
import { criPrefix } from './cri.ts'
import { createLineSplitter, type EmitLine } from './line-splitter.ts'
import { createLogFile, type Disk } from './log-file.ts'
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
  disk?: Disk
}

export interface AppLog {
  /** What a pipe brought. Writes to disk before it returns: a slow disk slows the app. */
  write(stream: LogStream, bytes: Uint8Array): void
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

/** What a line in memory costs beside its characters. */
const LINE_OVERHEAD_BYTES = 64
/** One write to disk; a longest line fits with room to spare. */
const BATCH_BYTES = 128 * 1024
/** How far back `tail` reads on disk. */
const READ_BYTES_MAX = 4 * 1024 * 1024

/** All logs share one buffer, for each batch is written before the call returns. */
export function createLogs(options: LogsOptions): { open(app: string): AppLog } {
  fs.mkdirSync(options.dir, { recursive: true, mode: 0o700 })
  const batch = Buffer.allocUnsafeSlow(BATCH_BYTES)
  return { open: (app) => openLog(options, batch, join(options.dir, `${app}.log`)) }
}

function openLog({ limits, wallMs, disk = fs }: LogsOptions, batch: Buffer, path: string): AppLog {
  const now = (): string => new Date(wallMs()).toISOString()
  const memory = createTail(limits.tailBytesMax)
  const splitters = { stdout: createLineSplitter(), stderr: createLineSplitter() }
  const followers = new Set<(line: LogLine) => void>()
  const file = createLogFile({
    path,
    bytesMax: limits.fileBytesMax,
    filesMax: limits.filesMax,
    disk,
    lostLine: (count, why) =>
      `${criPrefix(now(), 'stderr', false)}[solocloud: ${count} lines lost here: ${why}]\n`,
  })
  const tailLinesMax = Math.ceil(limits.tailBytesMax / LINE_OVERHEAD_BYTES)
  let length = 0
  const writeBatch = (): void => {
    if (length > 0) file.append(batch.subarray(0, length))
    length = 0
  }
  const append = (bytes: Uint8Array, prefix: Uint8Array): void => {
    if (length + prefix.length + bytes.length + 1 > batch.length) writeBatch()
    batch.set(prefix, length)
    batch.set(bytes, length + prefix.length)
    length += prefix.length + bytes.length
    batch[length++] = 0x0a
  }
  /** Hands the lines of one chunk to the file, the followers and the tail. */
  const split = (stream: LogStream, work: (emit: EmitLine) => void): void => {
    const at = now()
    // Made once a chunk: one of an app that prints empty lines has 65,536 of them.
    const whole = Buffer.from(criPrefix(at, stream, false))
    const part = Buffer.from(criPrefix(at, stream, true))
    // Only a chunk's last lines can stay in the tail, so only they are decoded for it.
    const last: Uint8Array[] = []
    let seen = 0
    try {
      work((bytes, partial) => {
        append(bytes, partial ? part : whole)
        last[seen++ % tailLinesMax] = bytes
        if (followers.size === 0) return
        const line = { at, stream, line: text(bytes) }
        for (const follower of followers) follower(line)
      })
    } finally {
      writeBatch()
      memory.skip(Math.max(0, seen - tailLinesMax))
      for (let index = Math.max(0, seen - tailLinesMax); index < seen; index++)
        memory.push({ at, stream, line: text(last[index % tailLinesMax] ?? new Uint8Array()) })
    }
  }
  return {
    write: (stream, bytes) => split(stream, (emit) => splitters[stream].push(bytes, emit)),
    flush() {
      split('stdout', (emit) => splitters.stdout.end(emit))
      split('stderr', (emit) => splitters.stderr.end(emit))
    },
    tail(count) {
      const lines = memory.last(count)
      if (lines.length >= count) return lines
      const onDisk = readTail(path, limits.filesMax, count, READ_BYTES_MAX)
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

/** What is not UTF-8 becomes U+FFFD here; the file keeps the bytes. */
const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()

interface Tail {
  push(line: LogLine): void
  /** Counts lines that came and were never kept. */
  skip(count: number): void
  last(count: number): LogLine[]
  /** How many lines have ever been pushed. */
  mark: () => number
  clear(): void
}

function createTail(bytesMax: number): Tail {
  let lines: LogLine[] = []
  let bytes = 0
  let pushed = 0
  const cost = ({ line }: LogLine): number => line.length + LINE_OVERHEAD_BYTES
  return {
    push(line) {
      pushed++
      lines.push(line)
      bytes += cost(line)
      // The newest is kept even when it alone is over the bound: a line is bounded itself.
      while (bytes > bytesMax && lines.length > 1) {
        const oldest = lines.shift()
        if (oldest !== undefined) bytes -= cost(oldest)
      }
    },
    skip(count) {
      pushed += count
    },
    last: (count) => (count <= 0 ? [] : lines.slice(-count)),
    mark: () => pushed,
    clear() {
      lines = []
      bytes = 0
    },
  }
}
