// Moves a push's body into the unpacker's pipe, at the unpacker's pace.
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { AppError } from './apps.ts'

/** A pipe's end as a stream that never blocks a thread of the pool; takes over `fd`. */
export const openSink = (fd: number): Writable =>
  new Socket({ fd, readable: false, writable: true })

export interface Pump {
  /** True once the whole body has gone into the pipe. */
  complete(): boolean
  /** Lets go of the body, which stays open for the answer, and closes the pipe. */
  stop(): void
}

/**
 * Not stream.pipeline: that destroys the body when the unpacker goes away first, and with the body the
 * connection on which the reason is to be told. That the body breaks off is `watchBody`'s.
 */
export function pumpImage(body: Readable, sink: Writable, moved: () => void): Pump {
  let complete = false
  const data = (chunk: Buffer): void => {
    moved()
    if (!sink.write(chunk)) body.pause()
  }
  const drain = (): void => {
    moved()
    body.resume()
  }
  const ended = (): void => void sink.end()
  sink.on('drain', drain)
  sink.on('finish', () => (complete = true))
  // EPIPE: the unpacker has ended, and its own report says why.
  sink.on('error', () => undefined)
  body.on('end', ended)
  body.on('data', data)
  return {
    complete: () => complete,
    stop() {
      body.off('data', data).off('end', ended)
      body.pause()
      sink.off('drain', drain)
      sink.destroy()
    },
  }
}

/** Aborts when the body breaks off, also while nobody reads it yet. */
export function watchBody(body: Readable): { signal: AbortSignal; stop: () => void } {
  const lost = new AbortController()
  // Stays: an error of a body that nobody needs any more must not become an exception.
  body.on('error', (error: Error) => lost.abort(lostBody(error)))
  const closed = (): void => {
    if (!body.readableEnded) lost.abort(lostBody(body.errored))
  }
  body.on('close', closed)
  if (body.destroyed) closed()
  return { signal: lost.signal, stop: () => void body.off('close', closed) }
}

function lostBody(error: Error | null): AppError {
  if (error instanceof AppError) return error
  const detail = 'The connection broke before the whole image had come; push it again.'
  return new AppError('connection-lost', detail)
}
