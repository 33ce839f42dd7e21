// A file in memory that the kernel reads a module from.
import { closeSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Native } from '../../sys/native.ts'
import { check } from '../../sys/sys-error.ts'

const ENOSYS = -38

/** An empty one, open for writing: a memfd, and before Linux 3.17 a file of `directory` without a name. */
export function makeMemoryFile(native: Native, directory: string): number {
  const fd = native.memfdCreate('module')
  if (fd !== ENOSYS) return check(fd, 'memfd_create')
  const path = join(directory, 'module')
  rmSync(path, { force: true })
  const file = openSync(path, 'wx+', 0o600)
  rmSync(path)
  return file
}

/** The same file for reading, from its beginning; `fd` is closed, for nobody loads what may still change. */
export function sealMemoryFile(fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, 'r')
  } finally {
    closeSync(fd)
  }
}
