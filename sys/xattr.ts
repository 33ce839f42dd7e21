// Extended attributes of a path itself, never of what a symbolic link points to.
import type { Native } from './native.ts'
import { check } from './sys-error.ts'

/** XATTR_SIZE_MAX and XATTR_LIST_MAX of <linux/limits.h>: the kernel holds no more. */
export const XATTR_BYTES_MAX = 65536

/** lsetxattr(2). Throws SysError: ENOTSUP where the file system has none. */
export function setXattr(native: Native, path: string, name: string, value: Uint8Array): void {
  check(native.lsetxattr(path, name, value), 'lsetxattr', path)
}

/** lgetxattr(2). Throws SysError: ENODATA when the path has no such attribute. */
export function getXattr(native: Native, path: string, name: string): Uint8Array {
  const value = new Uint8Array(XATTR_BYTES_MAX)
  return value.slice(0, check(native.lgetxattr(path, name, value), 'lgetxattr', path))
}

/** The names of a path's attributes. Throws SysError. */
export function listXattrs(native: Native, path: string): string[] {
  const list = new Uint8Array(XATTR_BYTES_MAX)
  const size = check(native.llistxattr(path, list), 'llistxattr', path)
  return Buffer.from(list.buffer, 0, size).toString().split('\0').slice(0, -1)
}
