// Removes everything below a directory but what is kept, and stays on its file system. Each removal is harmless
// by itself: it can end at any moment, and be begun again.
import type { BigIntStats } from 'node:fs'
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { removeTree, type RemovalWatch } from '../../supervisor/remove-tree.ts'
import type { KeptPaths } from './kept-paths.ts'

export interface Sweep {
  /** Where `/` is: '' on the node itself. */
  root: string
  kept: KeptPaths
  /** Where something is mounted, as seen from `root`. */
  mounts: ReadonlySet<string>
  /** One was removed. What it throws ends the sweep. */
  removed: () => void
  /** It stays, and what it is in. False ends the sweep with that error. */
  stays: (path: string, error: Error) => boolean
}

/** Entries that appear while a directory is read can be missed by that reading. */
const PASSES_MAX = 100
const SLASH = Buffer.from('/')

/** `directory` itself stays: `/`, or another mount point. */
export async function sweep(options: Sweep, directory: string): Promise<void> {
  const place = Buffer.from(join(options.root, directory))
  const { dev } = await lstat(place, { bigint: true })
  await sweepBelow({ ...options, dev }, place, directory)
}

interface Sweeping extends Sweep {
  dev: bigint
}

async function sweepBelow(sweeping: Sweeping, place: Buffer, path: string): Promise<void> {
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    let removed = 0
    const count = (): void => {
      removed++
      sweeping.removed()
    }
    const entries = await opendir(place, { encoding: 'buffer' as BufferEncoding })
    for await (const { name } of entries) {
      const bytes = name as unknown as Buffer
      const entry = Buffer.concat([place, SLASH, bytes])
      await sweepEntry({ ...sweeping, removed: count }, entry, join(path, bytes.toString()))
    }
    if (removed === 0) return
  }
}

/** A name that is not UTF-8 is no kept path's. */
async function sweepEntry(sweeping: Sweeping, place: Buffer, path: string): Promise<void> {
  const { kept, mounts, dev } = sweeping
  const stat = await statOf(sweeping, place, path)
  if (stat === null || mounts.has(path)) return
  const isDirectory = stat.isDirectory()
  // A file's device is another one in some overlays, and no sign of a mount.
  if (isDirectory && stat.dev !== dev) return
  const verdict = kept.of(path)
  if (verdict === 'keep' || isTopLink(stat, path)) return
  if (isDirectory && (verdict === 'inside' || hasMountBelow(mounts, path)))
    await sweepBelow(sweeping, place, path)
  else if (verdict === 'remove') await removeTree(place, watchOf(sweeping))
}

/** null when it is gone, or stays for what it is. */
async function statOf(
  { stays }: Sweeping,
  place: Buffer,
  path: string,
): Promise<BigIntStats | null> {
  try {
    return await lstat(place, { bigint: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && !stays(path, error as Error))
      throw error
    return null
  }
}

/** /sbin -> usr/sbin, /vmlinuz -> boot/vmlinuz-6.1: what is kept may be reached through them. */
const isTopLink = (stat: BigIntStats, path: string): boolean =>
  stat.isSymbolicLink() && path.lastIndexOf('/') === 0

const hasMountBelow = (mounts: ReadonlySet<string>, path: string): boolean =>
  [...mounts].some((mount) => mount.startsWith(`${path}/`))

function watchOf({ root, dev, removed, stays }: Sweeping): RemovalWatch {
  const below = Buffer.byteLength(root)
  return {
    removed,
    enters: async (directory) => (await lstat(directory, { bigint: true })).dev === dev,
    stays: (path, error) => stays(join('/', path.subarray(below).toString()), error),
  }
}
