// Keeps what a log pipe has brought until it is in its file, also over PID 1's own death (native/life.h): one
// chunk for the whole process, and each stream's unfinished line.
import type { LogStream } from '../../protocol/api.ts'

export interface Journal {
  /**
   * Takes up to a buffer's length from a pipe into `bytes`: the count, 0 at its end or when it can't be read,
   * null when nothing waits. The chunk is kept until it is committed.
   */
  take(fd: number, child: number, stream: LogStream, wallMs: number, bytes: Uint8Array): Taken
  /** Takes a newline, as if the pipe had brought one; 0 when there is no way to. */
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
