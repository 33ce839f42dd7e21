// One app's log: what its two pipes bring becomes lines with a time, in a file, in a tail in memory and at
// whoever follows.
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { LogLine, LogStream } from '../../protocol/api.ts'
import { CRI_PREFIX_BYTES_MAX, criPrefix } from './cri.ts'
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
  let length = 0
  const writeBatch = (): void => {
    if (length > 0) file.append(batch.subarray(0, length))
    length = 0
  }
  const emitter = (stream: LogStream): EmitLine => {
    const at = now()
    return (bytes, partial) => {
      if (length + CRI_PREFIX_BYTES_MAX + bytes.length + 1 > batch.length) writeBatch()
      length += batch.write(criPrefix(at, stream, partial), length, 'latin1')
      batch.set(bytes, length)
      length += bytes.length
      batch[length++] = 0x0a
      const line = { at, stream, line: text(bytes) }
      memory.push(line)
      for (const follower of followers) follower(line)
    }
  }
  const split = (stream: LogStream, work: (emit: EmitLine) => void): void => {
    try {
      work(emitter(stream))
    } finally {
      writeBatch()
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
    last: (count) => (count <= 0 ? [] : lines.slice(-count)),
    mark: () => pushed,
    clear() {
      lines = []
      bytes = 0
    },
  }
}
