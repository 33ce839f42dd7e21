// Swap space. The addon refuses it (EPERM) to everything but PID 1 of the machine.
import type { Native } from './native.ts'
import { unescapeOctal } from './mount-info.ts'
import { check } from './sys-error.ts'

/** SWAP_FLAG_* of <sys/swap.h>, the last of the kernel's linux/swap.h. */
export const SwapFlag = { prefer: 0x8000, discard: 0x10000, discardPages: 0x40000 } as const
/** SWAP_FLAG_PRIO_MASK. */
export const SWAP_PRIORITY_MAX = 0x7fff

export interface Swap {
  path: string
  /** 0 to SWAP_PRIORITY_MAX; null: the kernel chooses, below every one that is given. */
  priority: number | null
  /** What is freed is discarded; never all of it at once, for that would take its time here. */
  discard: boolean
}

/** swapon(2). Throws SysError: EBUSY when it is in use already, EINVAL when it is no swap space. */
export function swapOn(native: Native, { path, priority, discard }: Swap): void {
  const preferred = priority === null ? 0 : SwapFlag.prefer | Math.min(priority, SWAP_PRIORITY_MAX)
  const discarded = discard ? SwapFlag.discard | SwapFlag.discardPages : 0
  check(native.swapon(path, preferred | discarded), 'swapon', path)
}

/** swapoff(2); moves everything back into memory first. Throws SysError: ENOMEM when that is too small. */
export function swapOff(native: Native, path: string): void {
  check(native.swapoff(path), 'swapoff', path)
}

/** What is in use (/proc/swaps): a heading, then path, type, and numbers. */
export function parseSwaps(text: string): { path: string; isFile: boolean }[] {
  return text
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => {
      const [path = '', type] = line.split(/\s+/)
      return { path: unescapeOctal(path), isFile: type === 'file' }
    })
}
