// Reads a packed image once, front to back: its members, its manifest, its sums. Unpacking and inspecting
// share it, so that both mean the same by an image.
import { createHash } from 'node:crypto'
import type { Manifest } from '../../protocol/image.ts'
import { MANIFEST_BYTES_MAX, ManifestError, parseManifest } from '../../protocol/manifest.ts'
import { ChunkSource } from './chunk-source.ts'
import { type Compression, decompress, detectCompression } from './decompress.ts'
import { type Limits, showBytes } from './limits.ts'
import { type Member, tarMembers } from './tar-members.ts'
import { tooBig, UnpackError } from './unpack-error.ts'

export const MANIFEST_PATH = 'image.json'

export interface ImageSums {
  compression: Compression
  /** sha256 of the uncompressed tar, `sha256:hex`: the image's digest. */
  digest: string
  /** sha256 of the bytes as they came, hex. */
  packedSha256: string
  packedBytes: number
  /** Bytes of the uncompressed tar. */
  bytes: number
  entries: number
  manifest: Manifest
}

export class ImageReader {
  /** Bytes of the tar and its members so far. */
  bytes = 0
  entries = 0
  readonly #input: AsyncIterable<Buffer>
  readonly #limits: Limits
  readonly #onBytes: () => void
  readonly #packedHash = createHash('sha256')
  readonly #hash = createHash('sha256')
  #packedBytes = 0
  #compression: Compression = 'none'
  #manifest: Manifest | null = null

  /** `onBytes` is called after every chunk of the tar. */
  constructor(input: AsyncIterable<Buffer>, limits: Limits, onBytes: () => void = () => undefined) {
    this.#input = input
    this.#limits = limits
    this.#onBytes = onBytes
  }

  /** null until image.json has passed. */
  get manifest(): Manifest | null {
    return this.#manifest
  }

  /** Every member in order. Throws UnpackError. */
  async *members(): AsyncGenerator<Member> {
    const source = new ChunkSource(this.#countPacked())
    this.#compression = await detectCompression(source)
    const tar = decompress(source, this.#compression, this.#limits.decoderBytesMax)
    for await (const member of tarMembers(this.#countUnpacked(tar), this.#limits)) {
      this.entries++
      yield member.path === MANIFEST_PATH ? await this.#takeManifest(member) : member
    }
  }

  /** After the last member. Throws UnpackError 'manifest-invalid' when there was no image.json. */
  sums(): ImageSums {
    if (this.#manifest === null) {
      throw manifestInvalid('the image has no image.json at its root; add one and pack it again')
    }
    return {
      compression: this.#compression,
      digest: `sha256:${this.#hash.digest('hex')}`,
      packedSha256: this.#packedHash.digest('hex'),
      packedBytes: this.#packedBytes,
      bytes: this.bytes,
      entries: this.entries,
      manifest: this.#manifest,
    }
  }

  async *#countPacked(): AsyncGenerator<Buffer> {
    for await (const chunk of this.#input) {
      this.#packedBytes += chunk.length
      checkSize(this.#packedBytes, this.#limits.packedBytesMax, 'packed')
      this.#packedHash.update(chunk)
      yield chunk
    }
  }

  async *#countUnpacked(tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of tar) {
      this.bytes += chunk.length
      checkSize(this.bytes, this.#limits.unpackedBytesMax, 'unpacked')
      this.#checkRatio()
      this.#hash.update(chunk)
      this.#onBytes()
      yield chunk
    }
  }

  #checkRatio(): void {
    const { ratioMax, ratioFreeBytes } = this.#limits
    if (this.bytes <= ratioFreeBytes || this.bytes <= this.#packedBytes * ratioMax) return
    throw tooBig(
      `the image expands more than ${ratioMax} times: ${showBytes(this.bytes)} came out of ` +
        `${showBytes(this.#packedBytes)}; pack it with less repetition or without compression`,
    )
  }

  /** Reads image.json ahead of its writing, so that a wrong one ends the push early. */
  async #takeManifest(member: Member): Promise<Member> {
    if (member.type !== 'file') throw manifestInvalid('image.json must be a file, not a link')
    if (member.size > MANIFEST_BYTES_MAX) {
      throw manifestInvalid(
        `image.json has ${member.size} bytes; at most ${MANIFEST_BYTES_MAX} are allowed`,
      )
    }
    const chunks: Buffer[] = []
    for await (const chunk of member.body) chunks.push(chunk)
    try {
      this.#manifest = parseManifest(Buffer.concat(chunks))
    } catch (error) {
      if (error instanceof ManifestError) throw manifestInvalid(error.message)
      throw error
    }
    return { ...member, body: replay(chunks) }
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- a body is read asynchronously
async function* replay(chunks: Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks
}

function checkSize(bytes: number, bytesMax: number, what: string): void {
  if (bytes <= bytesMax) return
  throw tooBig(`the image has more than ${showBytes(bytesMax)} ${what}; that is this node's limit`)
}

function manifestInvalid(message: string): UnpackError {
  return new UnpackError('manifest-invalid', message)
}
