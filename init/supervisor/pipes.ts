// Pipes between PID 1 and its children: blocking for the child, never for us.
import { closeSync } from 'node:fs'
import type { Native } from '../../sys/native.ts'
import { fcntl, O_NONBLOCK, openPipe, readAvailable, type Pipe } from '../../sys/pipe.ts'
import { check, SysError } from '../../sys/sys-error.ts'

/**
 * A pipe to or from a child. Our end (`ours`) does not block; the child's does, as programs expect.
 * Throws SysError.
 */
export function openChildPipe(native: Native, ours: 'read' | 'write'): Pipe {
  const pipe = openPipe(native)
  try {
    fcntl(native, pipe[ours], 'setStatusFlags', O_NONBLOCK)
    return pipe
  } catch (error) {
    closeSync(pipe.read)
    closeSync(pipe.write)
    throw error
  }
}

export interface PipeReader {
  /** Reads what waits now, at most `readsMax` times; for after the writer's end. */
  drain(readsMax: number): void
  /** Stops reading and closes. */
  close(): void
}

export interface PipeHandler {
  /** `bytes` is a view of the shared buffer: copy what must outlive the call. */
  bytes(bytes: Uint8Array): void
}

/** Hands on what arrives. All readers share `buffer`. Takes over `fd`. Throws SysError. */
export function readPipe(
  native: Native,
  fd: number,
  buffer: Uint8Array,
  handler: PipeHandler,
): PipeReader {
  try {
    const watch = new PipeWatch(native, fd, () => {
      const count = readAvailable(native, fd, buffer)
      if (count !== null && count > 0) handler.bytes(buffer.subarray(0, count))
      return count
    })
    return {
      drain: (readsMax) => watch.drain(readsMax),
      close() {
        watch.stop()
        closeSync(fd)
      },
    }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/**
 * One read a wake-up, so that one busy writer can't keep the event loop: the watch is level-triggered and
 * comes back. `read` gives the bytes it read, 0 at the end of file, null when nothing waits; what it throws
 * is an end too, for a pipe that can't be read has nothing more for us. `fd` stays the caller's to close.
 */
export class PipeWatch {
  readonly #native: Native
  readonly #fd: number
  readonly #read: () => number | null
  #watched = true

  /** Throws SysError. */
  constructor(native: Native, fd: number, read: () => number | null) {
    this.#native = native
    this.#fd = fd
    this.#read = read
    const ready = (): void => {
      if (this.#watched) this.#readOnce()
    }
    check(native.watch(fd, ready), 'watch')
  }

  /** Reads what waits now, at most `readsMax` times; for after the writer's end. */
  drain(readsMax: number): void {
    for (let count = 0; this.#watched && count < readsMax && this.#readOnce(); count++);
  }

  /** Stops reading; comes before closing the descriptor. */
  stop(): void {
    if (this.#watched) this.#native.unwatch(this.#fd)
    this.#watched = false
  }

  /** False when there is no more for now. */
  #readOnce(): boolean {
    let count: number | null = 0
    try {
      count = this.#read()
    } catch (error) {
      if (!(error instanceof SysError)) throw error
    }
    if (count === 0) this.stop()
    return this.#watched && count !== null
  }
}

/** Calls `line` for each whole line; a line over `bytesMax` is dropped, for nobody of ours writes one. */
export function lineReader(
  bytesMax: number,
  line: (text: string) => void,
): (bytes: Uint8Array) => void {
  let rest = ''
  const decoder = new TextDecoder()
  return (bytes) => {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > bytesMax) rest = ''
    for (const text of lines) line(text)
  }
}
