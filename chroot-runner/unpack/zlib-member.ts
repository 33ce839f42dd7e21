// Decodes exactly one member (gzip) or frame (zstd) and gives back what comes after it: Node's streams
// end quietly at the first member's end and drop the rest.
import type { Transform } from 'node:stream'
import type { ChunkSource } from './chunk-source.ts'

/** A zlib stream: `bytesWritten` counts the input bytes that it used. */
export type ZlibDecoder = Transform & { readonly bytesWritten: number }

/** Yields the member's bytes. Throws the decoder's error; a truncated member is Z_BUF_ERROR. */
export async function* decodeMember(
  source: ChunkSource,
  decoder: ZlibDecoder,
): AsyncGenerator<Buffer> {
  const feeding = feed(source, decoder)
  try {
    for await (const chunk of decoder) yield chunk as Buffer
    source.unshift(await feeding)
  } finally {
    // feed() never rejects; it may still wait for input that nobody wants any more.
    decoder.destroy()
  }
}

/** Writes chunk after chunk until the decoder has its end; resolves to what it did not use. */
async function feed(source: ChunkSource, decoder: ZlibDecoder): Promise<Buffer> {
  let written = 0
  let last: Buffer = Buffer.alloc(0)
  try {
    while (!decoder.destroyed && decoder.bytesWritten === written) {
      const chunk = await source.next()
      if (chunk === null) {
        decoder.end()
        return Buffer.alloc(0)
      }
      last = chunk
      written += chunk.length
      await write(decoder, chunk)
    }
  } catch (error) {
    // The input's own failure becomes the decoder's, and so the reader's.
    decoder.destroy(error as Error)
  }
  return last.subarray(last.length - (written - decoder.bytesWritten))
}

function write(decoder: ZlibDecoder, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      decoder.off('close', done)
      resolve()
    }
    decoder.once('close', done)
    decoder.write(chunk, done)
  })
}
