// The unpacker's pipe as a stream, which takes everything.
import { closeSync } from 'node:fs'
import { Writable } from 'node:stream'

export class ModelSink extends Writable {
  readonly #fd: number
  constructor(fd: number) {
    super()
    this.#fd = fd
  }
  override _write(_: Buffer, __: BufferEncoding, done: () => void): void {
    done()
  }
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    try {
      closeSync(this.#fd)
    } catch {
      // This life has ended.
    }
    done(error)
  }
}
