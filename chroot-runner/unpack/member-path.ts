// Where a member belongs below the root: a clean relative path, or a refusal.
import { quoted } from '../../protocol/printable.ts'
import type { Limits } from './limits.ts'
import { refused, tooBig } from './unpack-error.ts'

const SHOWN_CHARS_MAX = 200

type PathLimits = Pick<Limits, 'pathBytesMax' | 'nameBytesMax'>

/**
 * `./a//b/` and `/a/b` are `a/b` (as GNU tar has it), the root itself is ''.
 * Throws UnpackError for a path with `..` and for one that no file system can hold.
 */
export function memberPath(name: string, limits: PathLimits): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw refused(`${showName(name)} leads out of the image with ".."`)
  if (parts.some((part) => Buffer.byteLength(part) > limits.nameBytesMax)) {
    throw tooBig(`${showName(name)} has a name of over ${limits.nameBytesMax} bytes`)
  }
  const path = parts.join('/')
  if (Buffer.byteLength(path) > limits.pathBytesMax) {
    throw tooBig(`${showName(name)} is a path of over ${limits.pathBytesMax} bytes`)
  }
  return path
}

/** The directory that holds `path`; '' is the root, which has none. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** A member's name in a sentence. */
export function showName(name: string): string {
  return quoted(name, SHOWN_CHARS_MAX)
}
