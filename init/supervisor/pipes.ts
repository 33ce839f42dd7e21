// Pipes between PID 1 and its children: blocking for the child, never for us.
import { closeSync } from 'node:fs'
import type { Native } from '../../sys/native.ts'
import { fcntl, O_NONBLOCK, openPipe, readAvailable, type Pipe } from '../../sys/pipe.ts'
import { check } from '../../sys/sys-error.ts'

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
  /** Stops reading and closes. `end` is not called any more. */
  close(): void
}

export interface PipeHandler {
  /** `bytes` is a view of the shared buffer: copy what must outlive the call. */
  bytes(bytes: Uint8Array): void
  /** End of file or an error; the descriptor is closed by then. */
  end(): void
}

/**
 * Hands on what arrives, one read a wake-up, so that one busy writer can't keep the event loop: the
 * watch is level-triggered and comes back. All readers share `buffer`. Takes over `fd`.
 */
export function readPipe(
  native: Native,
  fd: number,
  buffer: Uint8Array,
  handler: PipeHandler,
): PipeReader {
  let open = true
  const close = (): void => {
    if (!open) return
    open = false
    native.unwatch(fd)
    closeSync(fd)
  }
  /** False when there is no more for now. */
  const readOnce = (): boolean => {
    let count = 0
    try {
      const available = readAvailable(native, fd, buffer)
      if (available === null) return false
      count = available
    } catch {
      // A pipe that can't be read has nothing more for us.
    }
    if (count > 0) {
      handler.bytes(buffer.subarray(0, count))
      return open
    }
    close()
    handler.end()
    return false
  }
  try {
    const ready = (): void => {
      if (open) readOnce()
    }
    check(native.watch(fd, ready), 'watch')
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return {
    drain(readsMax) {
      for (let count = 0; open && count < readsMax && readOnce(); count++);
    },
    close,
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
