// Small files that a power cut leaves old or new, never half: written beside, fsynced, renamed, fsynced.
import * as fs from 'node:fs'
import { dirname } from 'node:path'

/** node:fs, or a disk that fails. */
export type WriteDisk = Pick<
  typeof fs,
  'openSync' | 'writeFileSync' | 'fsyncSync' | 'closeSync' | 'renameSync' | 'rmSync'
>

/** What a power cut may leave beside `path`; the next write takes its place. */
export const partialPath = (path: string): string => `${path}.partial`

/** It is on disk, under its name, when this returns. Throws Node's fs errors, and nothing has changed then. */
export function writeDurably(path: string, text: string | Uint8Array, disk: WriteDisk = fs): void {
  const partial = partialPath(path)
  try {
    const fd = disk.openSync(partial, 'w', 0o600)
    try {
      disk.writeFileSync(fd, text)
      disk.fsyncSync(fd)
    } finally {
      disk.closeSync(fd)
    }
    disk.renameSync(partial, path)
  } catch (error) {
    disk.rmSync(partial, { force: true })
    throw error
  }
  syncDirectory(dirname(path), disk)
}

/** fsync(2) of a file that somebody else has written. */
export function syncFile(path: string, disk: WriteDisk = fs): void {
  const fd = disk.openSync(path, 'r')
  try {
    disk.fsyncSync(fd)
  } finally {
    disk.closeSync(fd)
  }
}

/** fsync(2) of a directory: its entries are on disk. */
export const syncDirectory = syncFile
