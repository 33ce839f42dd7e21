// Detaches what is still mounted below an app's root. Only the chroot tier needs it: there an app's
// mounts are the node's; a mount namespace takes its own along.
import { readFileSync } from 'node:fs'
import { umount } from '../../sys/mount.ts'
import { parseMountInfo } from '../../sys/mount-info.ts'
import type { Native } from '../../sys/native.ts'

/** More passes than a sane root needs; each takes the top mount off every mount point. */
const PASSES_MAX = 16

/** The mount points at or below `root`, deepest first, a stack's top first. */
export function mountsBelow(mountinfo: string, root: string): string[] {
  const points = parseMountInfo(mountinfo)
    .map(({ target }) => target)
    .filter((point) => point === root || point.startsWith(`${root}/`))
  // A mount is listed after the one it stands on, so the reverse order suits the kernel.
  return points.reverse().sort((a, b) => b.split('/').length - a.split('/').length)
}

export interface Mounts {
  below(root: string): string[]
  /** Throws when something stays mounted. */
  detachBelow(root: string): void
}

export function createMounts(native: Native, procDir: string): Mounts {
  const detach = (point: string): void => {
    try {
      umount(native, point, ['detach', 'noFollow'])
    } catch {
      // EINVAL: gone with the one above it. Any other is tried again, and told when it stays.
    }
  }
  const below = (root: string): string[] =>
    mountsBelow(readFileSync(`${procDir}/self/mountinfo`, 'latin1'), latin1(root))
  return {
    below,
    detachBelow(root) {
      for (let pass = 0; pass < PASSES_MAX; pass++) {
        const points = below(root)
        if (points.length === 0) return
        for (const point of points) detach(Buffer.from(point, 'latin1').toString())
      }
      throw new Error(`what is mounted below ${root} does not go away`)
    },
  }
}

/** Mount points are bytes; latin1 keeps each apart while lines are split. */
const latin1 = (path: string): string => Buffer.from(path).toString('latin1')
