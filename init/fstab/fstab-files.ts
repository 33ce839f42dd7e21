// What mounting asks of the file system and of this machine's devices, as an argument.
import { closeSync, existsSync, openSync, readFileSync, readSync, realpathSync } from 'node:fs'
import { makeDirectory } from '../boot/make-directory.ts'
import { scanBlockDevices, type BlockDevice } from './block-devices.ts'
import { FSTAB_BYTES_MAX } from './fstab.ts'

export interface FstabFiles {
  /** The beginning of /etc/fstab; null when there is none. Throws Node's fs errors. */
  fstab(): string | null
  /** A file of /proc. Throws Node's fs errors. */
  proc(name: string): string
  exists(path: string): boolean
  /** Throws Node's fs errors. */
  makeDirectory(path: string): void
  /** The path without symbolic links. Throws Node's fs errors. */
  resolve(path: string): string
  devices(): BlockDevice[]
}

const FSTAB = '/etc/fstab'

export const fstabFiles: FstabFiles = {
  fstab: () => (existsSync(FSTAB) ? readBeginning(FSTAB) : null),
  proc: (name) => readFileSync(`/proc/${name}`, 'utf8'),
  exists: existsSync,
  makeDirectory,
  resolve: (path) => realpathSync(path),
  devices: () => scanBlockDevices({ sys: '/sys/class/block', dev: '/dev' }),
}

function readBeginning(path: string): string {
  const fd = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(FSTAB_BYTES_MAX)
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, 0))
  } finally {
    closeSync(fd)
  }
}
