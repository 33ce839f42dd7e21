// The body of a push as its consumer sees it: asked for when it is read, bounded in time and size.
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { AppError } from '../supervisor/apps.ts'

export interface BodyLimits {
  bytesMax: number
  /** How long the consumer may wait for the next bytes. A push may be slow for as long as it moves. */
  idleMs: number
}

/**
 * Differs from the IncomingMessage in that `onFirstRead` runs before the first byte is asked for (100 Continue),
 * in its errors, which are AppErrors, and in that destroying it leaves the socket open for the answer.
 */
export class RequestBody extends Readable {
  readonly #source: IncomingMessage
  readonly #limits: BodyLimits
  readonly #onFirstRead: () => void
  #reading = false
  #bytes = 0
  #idle: NodeJS.Timeout | undefined

  constructor(source: IncomingMessage, limits: BodyLimits, onFirstRead: () => void) {
    super()
    this.#source = source
    this.#limits = limits
    this.#onFirstRead = onFirstRead
    // Whoever reads hears of it through the stream; before that, nobody needs to.
    this.on('error', () => undefined)
    source.on('error', () => this.#lost())
    source.once('close', () => {
      if (!source.complete) this.#lost()
    })
  }

  override _read(): void {
    if (!this.#reading) this.#begin()
    this.#idle ??= setTimeout(() => this.#stalled(), this.#limits.idleMs)
    this.#source.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#disarm()
    this.#source.off('data', this.#take)
    this.#source.pause()
    done(error)
  }

  #begin(): void {
    this.#reading = true
    this.#onFirstRead()
    this.#source.on('data', this.#take)
    this.#source.once('end', () => {
      this.#disarm()
      this.push(null)
    })
  }

  readonly #take = (chunk: Buffer): void => {
    this.#disarm()
    this.#bytes += chunk.length
    const { bytesMax } = this.#limits
    if (this.#bytes > bytesMax) {
      this.destroy(new AppError('image-too-big', `An image may have ${bytesMax} bytes at most.`))
    } else if (this.push(chunk)) {
      this.#idle = setTimeout(() => this.#stalled(), this.#limits.idleMs)
    } else this.#source.pause()
  }

  #disarm(): void {
    clearTimeout(this.#idle)
    this.#idle = undefined
  }

  #stalled(): void {
    const seconds = Math.round(this.#limits.idleMs / 1000)
    const detail = `No byte of the image came for ${seconds} s; check the connection and push again.`
    this.destroy(new AppError('push-stalled', detail))
  }

  #lost(): void {
    const detail = 'The connection broke before the whole image had come; push it again.'
    if (!this.readableEnded) this.destroy(new AppError('connection-lost', detail))
  }
}
