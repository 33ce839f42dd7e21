// What an upgrade does to files, so that tests can end it between any two steps.
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  type BigIntStats,
} from 'node:fs'
import { dirname } from 'node:path'

/** Throws Node's fs errors. */
export interface UpgradeDisk {
  /** Where the file that runs is; it moves with a rename. */
  running(): string
  /** Whether that path or descriptor is the file that runs; false where there is none. */
  isRunning(file: string | number): boolean
  exists(path: string): boolean
  /** For reading; close-on-exec. */
  open(path: string): number
  openRunning(): number
  close(fd: number): void
  link(from: string, to: string): void
  rename(from: string, to: string): void
  /** It need not be there. */
  remove(path: string): void
  /** Of the directory that the path is in: its names are on the disk for good. */
  syncDirectory(path: string): void
  /** That an unprivileged writer of the path could have. */
  freeBytes(path: string): number
}

const SELF = '/proc/self/exe'
const DELETED = ' (deleted)'

export const systemDisk: UpgradeDisk = {
  running() {
    const path = readlinkSync(SELF)
    return path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path
  },
  isRunning(file) {
    const self = statSync(SELF, { bigint: true })
    const other = statOf(file)
    return other !== null && other.dev === self.dev && other.ino === self.ino
  },
  exists: existsSync,
  open: (path) => openSync(path, 'r'),
  openRunning: () => openSync(SELF, 'r'),
  close: closeSync,
  link: linkSync,
  rename: renameSync,
  remove: (path) => rmSync(path, { force: true }),
  syncDirectory(path) {
    const fd = openSync(dirname(path), 'r')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  },
  freeBytes(path) {
    const { bavail, bsize } = statfsSync(dirname(path))
    return bavail * bsize
  },
}

function statOf(file: string | number): BigIntStats | null {
  try {
    return typeof file === 'number'
      ? fstatSync(file, { bigint: true })
      : statSync(file, { bigint: true })
  } catch {
    return null
  }
}
