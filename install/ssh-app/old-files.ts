// The old system's files: symbolic links, absolute ones too, stay below its root; what can't be read is not
// there.
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { type Found, ImageRoot } from '../../image-builder/image-root.ts'

/** Far beyond any configuration or authorized_keys. */
const BYTES_MAX = 1024 * 1024

export interface OldFiles {
  root: ImageRoot
  find(path: string): Found | null
  /** One character a byte; null when it is no regular file of at most 1 MiB. */
  text(path: string): string | null
  /** Names, sorted. */
  list(path: string): string[]
  /** Paths that match: `*` and `?` in the last component only. */
  glob(pattern: string): string[]
}

export function oldFiles(directory: string): OldFiles {
  const root = new ImageRoot(directory)
  const find = (path: string): Found | null => orNull(() => root.find(path))
  const list = (path: string): string[] => {
    const found = find(path)
    if (found?.stats.isDirectory() !== true) return []
    return orNull(() => readdirSync(root.hostPath(found.path)).toSorted()) ?? []
  }
  return {
    ...{ root, find, list },
    text(path) {
      const found = find(path)
      if (found?.stats.isFile() !== true || found.stats.size > BYTES_MAX) return null
      return orNull(() => readFileSync(root.hostPath(found.path), 'latin1'))
    },
    glob(pattern) {
      const name = posix.basename(pattern)
      if (!/[*?]/.test(name)) return find(pattern) === null ? [] : [pattern]
      const directory = posix.dirname(pattern)
      return list(directory)
        .filter((one) => !one.startsWith('.') && matches(name, one))
        .map((one) => posix.join(directory, one))
    },
  }
}

/** As sshd_config(5) and glob(7) have it: `*` any characters, `?` one. */
export function matches(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 's').test(text)
}

function orNull<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
