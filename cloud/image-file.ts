// An image on the operator's disk: opened once, hashed, then sent, and refused if it changes in between.
import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { basename } from 'node:path'
import { CloudError, errorCode, ExitCode } from './errors.ts'

const CHUNK_BYTES = 256 * 1024

type OnBytes = (bytes: number) => void

export class ImageFile implements AsyncDisposable {
  readonly path: string
  readonly bytes: number
  readonly #file: FileHandle
  readonly #mtimeNs: bigint
  #sha256: Buffer | null = null

  /** Throws CloudError when it can't be read, or can't be an image. */
  static async open(path: string): Promise<ImageFile> {
    let file: FileHandle
    try {
      file = await open(path, 'r')
    } catch (error) {
      throw unreadable(path, error)
    }
    try {
      const stat = await file.stat({ bigint: true })
      if (stat.isDirectory()) {
        const hint = `pack it first: cloud image build ${path} -o ${basename(path)}.txz`
        throw failed('not-an-image', `${path} is a directory; ${hint}`)
      }
      if (!stat.isFile())
        throw failed('not-an-image', `${path} is not a file; save the image first.`)
      if (stat.size === 0n) throw failed('not-an-image', `${path} is empty; build the image again.`)
      return new ImageFile(path, file, Number(stat.size), stat.mtimeNs)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  private constructor(path: string, file: FileHandle, bytes: number, mtimeNs: bigint) {
    this.path = path
    this.#file = file
    this.bytes = bytes
    this.#mtimeNs = mtimeNs
  }

  /** Reads the whole file: its sha256. `onBytes` hears how many bytes have been read so far. */
  async digest(onBytes: OnBytes): Promise<Buffer> {
    const hash = createHash('sha256')
    let done = 0
    for await (const chunk of this.#chunks()) {
      hash.update(chunk)
      onBytes((done += chunk.length))
    }
    await this.#assertUnchanged(done)
    return (this.#sha256 = hash.digest())
  }

  /**
   * The bytes to send, after digest(). Throws before the last ones when they are no longer those that were
   * hashed, so that the node never has the whole of a changed file.
   */
  async *content(onBytes: OnBytes): AsyncGenerator<Buffer> {
    const hash = createHash('sha256')
    let done = 0
    for await (const chunk of this.#chunks()) {
      hash.update(chunk)
      done += chunk.length
      if (done === this.bytes && !this.#isDigest(hash.digest())) throw this.#changed()
      yield chunk
      onBytes(done)
    }
    if (done !== this.bytes) throw this.#changed()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }

  /** At most the bytes that there were at first; every chunk is a buffer of its own. */
  async *#chunks(): AsyncGenerator<Buffer> {
    for (let position = 0; position < this.bytes;) {
      const length = Math.min(CHUNK_BYTES, this.bytes - position)
      const { bytesRead, buffer } = await this.#read(Buffer.allocUnsafe(length), position)
      if (bytesRead === 0) return
      position += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }

  async #read(buffer: Buffer, position: number): Promise<{ bytesRead: number; buffer: Buffer }> {
    try {
      return await this.#file.read(buffer, 0, buffer.length, position)
    } catch (error) {
      throw unreadable(this.path, error)
    }
  }

  #isDigest(digest: Buffer): boolean {
    return this.#sha256?.equals(digest) ?? false
  }

  async #assertUnchanged(bytesRead: number): Promise<void> {
    const { size, mtimeNs } = await this.#file.stat({ bigint: true })
    if (bytesRead !== this.bytes || Number(size) !== this.bytes || mtimeNs !== this.#mtimeNs) {
      throw this.#changed()
    }
  }

  #changed(): CloudError {
    return failed(
      'image-changed',
      `${this.path} changed while it was read; start it again when it is complete.`,
    )
  }
}

function failed(code: string, message: string): CloudError {
  return new CloudError(ExitCode.failed, code, message)
}

function unreadable(path: string, error: unknown): CloudError {
  const code = errorCode(error)
  if (code === 'ENOENT') return failed('no-such-file', `There is no file ${path}; check the path.`)
  if (code === 'EACCES')
    return failed('unreadable', `${path} may not be read; check its permissions.`)
  return failed('unreadable', `${path} can't be read (${code || String(error)}).`)
}
