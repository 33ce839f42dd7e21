// Looks at the disk's free space and inodes on the way, so that unpacking stops before the disk is full.
import { statfsSync } from 'node:fs'
import { type Limits, showBytes } from './limits.ts'
import { showName } from './member-path.ts'
import { UnpackError } from './unpack-error.ts'

/** How much may be written between two looks. */
const LOOK_BYTES = 16 * 1024 * 1024
const LOOK_ENTRIES = 1024

export interface Free {
  bytes: number
  inodes: number
}

/** What the file system of `path` still has for us. One without inode counts (btrfs) has any number. */
export function freeOn(path: string): Free {
  const { bavail, bsize, files, ffree } = statfsSync(path)
  return { bytes: bavail * bsize, inodes: files === 0 ? Number.POSITIVE_INFINITY : ffree }
}

export class FreeSpace {
  readonly #look: () => Free
  readonly #limits: Pick<Limits, 'reserveBytes' | 'reserveInodes'>
  #bytesSinceLook = Number.POSITIVE_INFINITY
  #entriesSinceLook = 0

  constructor(look: () => Free, limits: Pick<Limits, 'reserveBytes' | 'reserveInodes'>) {
    this.#look = look
    this.#limits = limits
  }

  /** Before a member of `bytes` is written. Throws UnpackError 'disk-full'. */
  take(path: string, bytes: number): void {
    this.#bytesSinceLook += bytes
    this.#entriesSinceLook++
    if (this.#bytesSinceLook < LOOK_BYTES && this.#entriesSinceLook < LOOK_ENTRIES) return
    this.#bytesSinceLook = 0
    this.#entriesSinceLook = 0
    const free = this.#look()
    if (free.bytes - bytes < this.#limits.reserveBytes) throw this.#full(path, bytes, free)
    if (free.inodes <= this.#limits.reserveInodes) throw this.#full(path, bytes, free)
  }

  /** The error for ENOSPC and EDQUOT, which can still come: others write too. */
  full(path: string, bytes: number): UnpackError {
    return this.#full(path, bytes, this.#look())
  }

  #full(path: string, bytes: number, free: Free): UnpackError {
    const { reserveBytes, reserveInodes } = this.#limits
    return new UnpackError(
      'disk-full',
      `the node's disk is too full: ${showName(path)} needs ${showBytes(bytes)}, ${showBytes(free.bytes)} and ` +
        `${free.inodes} inodes are free, of which ${showBytes(reserveBytes)} and ${reserveInodes} inodes ` +
        'stay reserved; stop an app that is not needed or choose a larger disk',
    )
  }
}
