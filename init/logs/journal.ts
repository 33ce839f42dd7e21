// Keeps what a log pipe has brought until it is in its file, also over PID 1's own death (native/life.h): one
// chunk for the whole process, and each stream's unfinished line.
import { writeSync } from 'node:fs'
import type { LogStream } from '../../protocol/api.ts'
import type { Native } from '../../sys/native.ts'
import { openPipe, type Pipe } from '../../sys/pipe.ts'
import { check } from '../../sys/sys-error.ts'
import { LINE_BYTES_MAX } from './line-splitter.ts'

export interface Journal {
  /**
   * Takes up to a buffer's length from a pipe into `bytes`: the count, 0 at end of file, null when nothing
   * waits. The chunk is kept until it is committed. Throws SysError.
   */
  take(fd: number, child: number, stream: LogStream, wallMs: number, bytes: Uint8Array): Taken
  /** Takes a newline, as if the pipe had brought one. Throws SysError. */
  takeNewline(child: number, stream: LogStream, wallMs: number, bytes: Uint8Array): Taken
  /**
   * The first `done` bytes of the chunk's output are dealt with for good; what follows is written from
   * `fileSize` on, or from nowhere yet (-1).
   */
  batch(fileSize: number, done: number): void
  /** All of the chunk's output is dealt with, and this line is unfinished. */
  commit(child: number, stream: LogStream, rest: Uint8Array): void
  /** The chunk that the life before has not committed, into `bytes`; null: there is none. */
  pending(bytes: Uint8Array): Pending | null
  /** The unfinished line; empty when there is none. */
  rest(child: number, stream: LogStream): Uint8Array
}

export type Taken = number | null

export interface Pending {
  child: number
  stream: LogStream
  wallMs: number
  fileSize: number
  done: number
  count: number
}

const EAGAIN = -11
const EINTR = -4
const STREAMS: readonly LogStream[] = ['stdout', 'stderr']

/** Over the addon's calls, where there is a life record. */
export function nativeJournal(native: Native): Journal {
  let newlines: Pipe | null = null
  const about = new Float64Array(5)
  const line = Buffer.allocUnsafeSlow(LINE_BYTES_MAX)
  const number = (stream: LogStream): number => (stream === 'stdout' ? 0 : 1)
  const take: Journal['take'] = (fd, child, stream, wallMs, bytes) => {
    const count = native.logTake(fd, child, number(stream), wallMs, bytes)
    return count === EAGAIN || count === EINTR ? null : check(count, 'read')
  }
  return {
    take,
    takeNewline(child, stream, wallMs, bytes) {
      newlines ??= openPipe(native)
      writeSync(newlines.write, '\n')
      return take(newlines.read, child, stream, wallMs, bytes)
    },
    batch: (fileSize, done) => void check(native.logBatch(fileSize, done), 'log'),
    commit: (child, stream, rest) =>
      void check(native.logCommit(child, number(stream), rest), 'log'),
    pending(bytes) {
      const count = check(native.logPending(bytes, about), 'log')
      if (count === 0) return null
      const [child = 0, stream = 0, wallMs = 0, fileSize = -1, done = 0] = about
      return { child, stream: STREAMS[stream] ?? 'stdout', wallMs, fileSize, done, count }
    },
    rest(child, stream) {
      const length = check(native.logRest(child, number(stream), line), 'log')
      return Uint8Array.from(line.subarray(0, length))
    },
  }
}
