// From the packed image to its tar, whatever it was packed with: told by content, not by name.
// A truncated or corrupt image always ends in an UnpackError, and so do bytes after the image.
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import type { ChunkSource } from './chunk-source.ts'
import { showBytes } from './limits.ts'
import { headerChecksumFits, TAR_BLOCK_BYTES } from './tar-header.ts'
import { corrupt, tooBig, UnpackError } from './unpack-error.ts'
import { XzError, xzDecode } from './xz-coder.ts'
import { decodeMember } from './zlib-member.ts'

export type Compression = 'none' | 'gzip' | 'xz' | 'zstd'

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b])
const XZ_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
/** Skippable frames: 0x184D2A50 to 0x184D2A5F, little-endian (RFC 8878, 3.1.2); pzstd begins with one. */
const ZSTD_SKIPPABLE = Buffer.from([0x2a, 0x4d, 0x18])

/** How the image is packed. Throws UnpackError when it is neither packed nor a tar. */
export async function detectCompression(source: ChunkSource): Promise<Compression> {
  const head = await source.peek(TAR_BLOCK_BYTES)
  if (head.length === 0) throw corrupt('the image is empty')
  if (startsWith(head, GZIP_MAGIC)) return 'gzip'
  if (startsWith(head, XZ_MAGIC)) return 'xz'
  if (isZstd(head)) return 'zstd'
  if (head.length >= TAR_BLOCK_BYTES && headerChecksumFits(head)) return 'none'
  throw corrupt('this is not an image: neither a tar nor a tar packed with gzip, xz or zstd')
}

/** The tar's bytes. `memoryBytesMax` bounds the decompressor's own memory. */
export async function* decompress(
  source: ChunkSource,
  compression: Compression,
  memoryBytesMax: number,
): AsyncGenerator<Buffer> {
  if (compression === 'none') {
    yield* source
    return
  }
  try {
    if (compression === 'xz') yield* xzDecode(source, memoryBytesMax)
    else if (compression === 'gzip') yield* gunzip(source)
    else yield* unzstd(source, memoryBytesMax)
  } catch (error) {
    throw explain(error, compression, memoryBytesMax)
  }
}

/** Members after one another, then zero padding as tapes have it; anything else is an error. */
async function* gunzip(source: ChunkSource): AsyncGenerator<Buffer> {
  yield* decodeMember(source, createGunzip())
  for await (const rest of source) {
    if (rest.some((byte) => byte !== 0)) throw corrupt('the image has bytes after its gzip data')
  }
}

async function* unzstd(source: ChunkSource, memoryBytesMax: number): AsyncGenerator<Buffer> {
  // The window is nearly all of the decoder's memory (RFC 8878, 3.1.1.1.2).
  const windowLogMax = Math.min(31, Math.max(10, Math.floor(Math.log2(memoryBytesMax))))
  for (;;) {
    const params = { [constants.ZSTD_d_windowLogMax]: windowLogMax }
    yield* decodeMember(source, createZstdDecompress({ params }))
    const rest = await source.peek(ZSTD_MAGIC.length)
    if (rest.length === 0) return
    if (!isZstd(rest)) throw corrupt('the image has bytes after its zstd data')
  }
}

function startsWith(head: Buffer, magic: Buffer): boolean {
  return head.subarray(0, magic.length).equals(magic)
}

function isZstd(head: Buffer): boolean {
  return (
    startsWith(head, ZSTD_MAGIC) ||
    (((head[0] ?? 0) & 0xf0) === 0x50 && startsWith(head.subarray(1), ZSTD_SKIPPABLE))
  )
}

/** A decoder's error as a sentence about the image. */
function explain(error: unknown, compression: Compression, memoryBytesMax: number): Error {
  if (error instanceof UnpackError) return error
  const code = (error as { code?: unknown }).code
  switch (code) {
    case 'LZMA_MEMLIMIT_ERROR':
      return tooBig(
        `this image needs ${needed(error)} to decompress; the node allows ${showBytes(memoryBytesMax)}; ` +
          'pack it with xz -6, or -9 at most',
      )
    case 'ZSTD_error_frameParameter_windowTooLarge':
      return tooBig(
        `this image needs more memory to decompress than the ${showBytes(memoryBytesMax)} that the node allows; ` +
          'pack it with zstd -19 at most, without --ultra and --long',
      )
    case 'LZMA_BUF_ERROR':
    case 'Z_BUF_ERROR':
      return corrupt(`the image is truncated: its ${compression} data ends too early`)
    default:
      return isDecoderCode(code)
        ? corrupt(`the image's ${compression} data is corrupt (${(error as Error).message})`)
        : (error as Error)
  }
}

function needed(error: unknown): string {
  const bytes = error instanceof XzError ? error.neededBytes : 0
  return bytes > 0 ? showBytes(bytes) : 'more memory'
}

function isDecoderCode(code: unknown): boolean {
  return typeof code === 'string' && /^(?:LZMA_|Z_|ZSTD_)/.test(code)
}
