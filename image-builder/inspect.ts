// `cloud image inspect`: reads an image from front to back, as a node would, and extracts nothing.
import { createReadStream } from 'node:fs'
import { ImageReader, type ImageSums } from '../chroot-runner/unpack/image-reader.ts'
import { DEFAULT_LIMITS } from '../chroot-runner/unpack/limits.ts'

export interface InspectOptions {
  /** Bytes of the uncompressed tar so far. */
  onProgress?: (bytes: number) => void
  /** Every member's path below the root, in order. */
  onMember?: (path: string) => void
}

/** Throws UnpackError for a file that no node would take, and Node's fs errors. */
export async function inspect(file: string, options: InspectOptions = {}): Promise<ImageSums> {
  const input = createReadStream(file, { highWaterMark: 256 * 1024 })
  const reader: ImageReader = new ImageReader(input as AsyncIterable<Buffer>, DEFAULT_LIMITS, () =>
    options.onProgress?.(reader.bytes),
  )
  try {
    // Asking for the next member passes over this one's data.
    for await (const { path } of reader.members()) options.onMember?.(path)
  } finally {
    input.destroy()
  }
  return reader.sums()
}
