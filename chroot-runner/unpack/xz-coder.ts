// xz in both directions over liblzma, in slices small enough that the output of one stays bounded.
import type { Stream } from 'lzma-native'

/**
 * Packed bytes handed to liblzma at once. xz expands at most some 7,000 times, so that a slice becomes
 * at most 28 MB however hostile the image is; larger slices are hardly faster.
 */
const DECODE_SLICE_BYTES = 4096
const ENCODE_SLICE_BYTES = 256 * 1024

/** LZMA_CONCATENATED of lzma/container.h: members after one another and zero padding, nothing else. */
const CONCATENATED = 0x08
/** LZMA_CHECK_CRC64 of lzma/check.h, what xz(1) writes. */
const CHECK_CRC64 = 4

export class XzError extends Error {
  override readonly name = 'XzError'
  /** liblzma's name: LZMA_DATA_ERROR, LZMA_BUF_ERROR (truncated), LZMA_MEMLIMIT_ERROR ... */
  readonly code: string
  /** For LZMA_MEMLIMIT_ERROR: the bytes that decoding would have needed. */
  readonly neededBytes: number
  constructor(code: string, message: string, neededBytes: number) {
    super(message)
    this.code = code
    this.neededBytes = neededBytes
  }
}

/** Decodes one or more xz members. Throws XzError; a truncated or corrupt input never ends well. */
export async function* xzDecode(
  input: AsyncIterable<Uint8Array>,
  memoryBytesMax: number,
): AsyncGenerator<Buffer> {
  const stream = await newStream()
  stream.streamDecoder_(memoryBytesMax, CONCATENATED)
  yield* run(stream, input, DECODE_SLICE_BYTES)
}

/** Encodes as `xz -PRESET` with one thread does: the same bytes for the same input, always. */
export async function* xzEncode(
  input: AsyncIterable<Uint8Array>,
  preset: number,
): AsyncGenerator<Buffer> {
  const stream = await newStream()
  stream.easyEncoder_(preset, CHECK_CRC64)
  yield* run(stream, input, ENCODE_SLICE_BYTES)
}

/** lzma-native is loaded only by whoever meets an xz file: it is a native addon. */
async function newStream(): Promise<Stream> {
  const { default: lzma } = await import('lzma-native')
  return new lzma.Stream()
}

async function* run(
  stream: Stream,
  input: AsyncIterable<Uint8Array>,
  sliceBytes: number,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of input) {
      for (let at = 0; at < chunk.length; at += sliceBytes) {
        yield* await code(stream, chunk.subarray(at, at + sliceBytes))
      }
    }
    yield* await code(stream, null)
  } finally {
    stream.resetUnderlying()
  }
}

/** One call of the coder: what it gave out. `null` says that the input has ended. */
function code(stream: Stream, slice: Uint8Array | null): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const outputs: Buffer[] = []
    stream.bufferHandler = (output, taken, error) => {
      if (output) outputs.push(Buffer.from(output.buffer, output.byteOffset, output.byteLength))
      else if (error) reject(new XzError(error.name, error.message, stream.memusage() ?? 0))
      else if (taken !== undefined || output === null) resolve(outputs)
    }
    stream.code(slice, true)
  })
}
