// Reads the files of the old system, below a root, and never fails: what can't be read is not there.
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'

/** Configuration files and small files of /proc are far below this. */
const BYTES_MAX = 4 * 1024 * 1024

/** Paths are absolute, as the old system has them. */
export interface OldSystem {
  /** One character a byte, so that what is written again is the same. */
  text(path: string): string | null
  /** A line of text without what surrounds it; '' where there is none. */
  line(path: string): string
  /** In the order of their names. */
  list(path: string): string[]
  /** Links are followed. */
  exists(path: string): boolean
  isDirectory(path: string): boolean
  /** Of a file; null where there is none. */
  bytes(path: string): number | null
  permissions(path: string): number | null
  /** Where a symbolic link points. */
  link(path: string): string | null
  /** Links followed to their end; `path` itself where nothing is there. */
  real(path: string): string
}

export function oldSystem(root = '/'): OldSystem {
  const at = (path: string): string => join(root, path)
  const text = (path: string): string | null =>
    orNull(() => {
      const { size } = statSync(at(path))
      return size > BYTES_MAX ? null : readFileSync(at(path), 'latin1')
    })
  const orReal = (path: string): string | null =>
    orNull(() => join('/', realpathSync(at(path)).slice(realpathSync(root).length)))
  return {
    text,
    line: (path) => (text(path) ?? '').trim(),
    list: (path) => orNull(() => readdirSync(at(path)).toSorted()) ?? [],
    exists: (path) => existsSync(at(path)),
    isDirectory: (path) => orNull(() => statSync(at(path)).isDirectory()) ?? false,
    bytes: (path) => orNull(() => statSync(at(path)).size),
    permissions: (path) => orNull(() => lstatSync(at(path)).mode & 0o7777),
    link: (path) => orNull(() => readlinkSync(at(path))),
    real: (path) => orReal(path) ?? path,
  }
}

function orNull<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
