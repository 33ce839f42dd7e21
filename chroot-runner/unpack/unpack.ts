// Unpacks one image below an empty root, in constant memory: what is remembered of the image is bounded by
// Limits.directoryBytesMax and headerBytesMax, whatever its size.
import { performance } from 'node:perf_hooks'
import type { Readable } from 'node:stream'
import type { Manifest } from '../../protocol/image.ts'
import { ImageReader, type ImageSums } from './image-reader.ts'
import type { Limits } from './limits.ts'
import { TreeWriter, type UnpackSystem } from './tree-writer.ts'
import { UnpackError } from './unpack-error.ts'

/** Progress is told at most this often. */
const PROGRESS_MS = 200

export interface UnpackOptions {
  /** sha256 that the packed bytes must have, hex; null when the sender gave none. */
  packedSha256: string | null
  limits: Limits
  ignoreOwners: boolean
  /** The machine's; an image for another one is refused. */
  architecture: Manifest['architecture']
  onProgress?: (bytes: number, entries: number) => void
  /** Milliseconds of a monotonic clock. */
  now?: () => number
}

export interface Unpacked extends ImageSums {
  devicesSkipped: number
}

/**
 * Reads `input` to its end and leaves the tree, synced, below `root`, which must be an empty directory
 * ('' is the process's own root). Throws UnpackError, with an unfinished tree left for the caller to remove.
 */
export async function unpack(
  input: Readable,
  root: string,
  options: UnpackOptions,
  system: UnpackSystem,
): Promise<Unpacked> {
  const reader: ImageReader = new ImageReader(
    input as AsyncIterable<Buffer>,
    options.limits,
    progress(options, () => options.onProgress?.(reader.bytes, reader.entries)),
  )
  const tree = new TreeWriter(root, system, options)
  try {
    for await (const member of reader.members()) {
      checkArchitecture(reader.manifest, options.architecture)
      await tree.add(member)
    }
  } finally {
    input.destroy()
  }
  const sums = reader.sums()
  checkPacked(sums.packedSha256, options.packedSha256)
  tree.finish()
  return { ...sums, devicesSkipped: tree.devicesSkipped }
}

function progress(options: UnpackOptions, tell: () => void): () => void {
  const now = options.now ?? (() => performance.now())
  let last = now()
  return () => {
    if (now() - last < PROGRESS_MS) return
    last = now()
    tell()
  }
}

function checkArchitecture(manifest: Manifest | null, machine: Manifest['architecture']): void {
  if (manifest === null || manifest.architecture === machine) return
  throw new UnpackError(
    'wrong-architecture',
    `the image is for ${manifest.architecture}, but this node is ${machine}; build it for ${machine}`,
  )
}

function checkPacked(actual: string, expected: string | null): void {
  if (expected === null || expected === actual) return
  throw new UnpackError(
    'digest-mismatch',
    `the image arrived with sha256 ${actual}, but its sender announced ${expected}; push it again`,
  )
}
