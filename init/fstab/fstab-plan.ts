// What of fstab a node does, in its order: disks' file systems where something lies below, then swap.
import { namesDevice } from './find-device.ts'
import type { FstabEntry } from './fstab.ts'
import { mountWish, swapWish, type MountWish, type SwapWish } from './mount-options.ts'

export interface MountTask {
  kind: 'mount'
  source: string
  target: string
  /** `auto`: what the device says. */
  fstype: string
  wish: MountWish
}

export interface SwapTask {
  kind: 'swap'
  source: string
  wish: SwapWish
}

export type FstabTask = MountTask | SwapTask

export interface FstabPlan {
  tasks: FstabTask[]
  /** Left out, and somebody may miss it: one sentence each. */
  problems: string[]
}

/** Of disks. Everything else is another program's (proc, tmpfs), or wants the network. */
const DISK_TYPES = new Set([
  ...['auto', 'ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'vfat', 'msdos', 'f2fs', 'jfs', 'reiserfs'],
])
/** The root is mounted, and these are boot.ts's. */
const OURS = /^\/(?:(?:proc|sys|dev|run|tmp)(?:\/|$)|$)/

export function planFstab(entries: readonly FstabEntry[]): FstabPlan {
  const problems: string[] = []
  const mounts: MountTask[] = []
  const swaps: SwapTask[] = []
  for (const { source, target: written, fstype, options } of entries) {
    if (fstype === 'swap') {
      const wish = swapWish(options)
      if (wish.auto) swaps.push({ kind: 'swap', source, wish })
      continue
    }
    const target = written.replace(/(?<=.)\/+$/, '')
    const wish = mountWish(options)
    const isOther = !target.startsWith('/') || OURS.test(target) || !wish.auto
    if (isOther || wish.special !== null || !namesDevice(source)) continue
    if (DISK_TYPES.has(fstype)) mounts.push({ kind: 'mount', source, target, fstype, wish })
    else if (!wish.mayFail)
      problems.push(`${target} is not mounted: a node has no use for ${fstype}`)
  }
  // Array.prototype.sort keeps the order of the file among equals.
  mounts.sort((one, other) => depth(one.target) - depth(other.target))
  return { tasks: [...mounts, ...swaps], problems }
}

const depth = (path: string): number => path.split('/').length

/** True when `task` would be hidden by what is not mounted yet. */
export function waitsFor(task: FstabTask, pending: readonly FstabTask[]): boolean {
  const place = task.kind === 'mount' ? task.target : task.source
  return pending.some((one) => one.kind === 'mount' && place.startsWith(`${one.target}/`))
}
