// Swap space. The addon refuses it (EPERM) to everything but PID 1 of the machine.
import type { Native } from './native.ts'
import { check } from './sys-error.ts'

/** SWAP_FLAG_* of <sys/swap.h>. */
export const SwapFlag = { prefer: 0x8000, discard: 0x10000 } as const
/** SWAP_FLAG_PRIO_MASK. */
export const SWAP_PRIORITY_MAX = 0x7fff

export interface Swap {
  path: string
  /** 0 to SWAP_PRIORITY_MAX; null: the kernel chooses, below every one that is given. */
  priority: number | null
  discard: boolean
}

/** swapon(2). Throws SysError: EBUSY when it is in use already, EINVAL when it is no swap space. */
export function swapOn(native: Native, { path, priority, discard }: Swap): void {
  const preferred = priority === null ? 0 : SwapFlag.prefer | Math.min(priority, SWAP_PRIORITY_MAX)
  check(native.swapon(path, preferred | (discard ? SwapFlag.discard : 0)), 'swapon', path)
}

/** swapoff(2); moves everything back into memory first. Throws SysError: ENOMEM when that is too small. */
export function swapOff(native: Native, path: string): void {
  check(native.swapoff(path), 'swapoff', path)
}
