// A failed system call as an exception, and the two ways to read a -errno.
import { getSystemErrorName, getSystemErrorMap } from 'node:util'

/** Linux's range of error numbers; anything below is not one. */
const ERRNO_MAX = 4095

/** 'EBUSY' and the like for a positive or negative errno; `errno 1234` for one that has no name. */
export function errnoName(errno: number): string {
  const negative = -Math.abs(errno)
  return getSystemErrorMap().has(negative) ? getSystemErrorName(negative) : `errno ${-negative}`
}

/** 'no such file or directory' and the like; '' for one that Node does not know. */
export function errnoMessage(errno: number): string {
  return getSystemErrorMap().get(-Math.abs(errno))?.[1] ?? ''
}

/** Same shape as Node's own fs errors, so callers test `error.code === 'EBUSY'` for both. */
export class SysError extends Error {
  override readonly name = 'SysError'
  readonly code: string
  readonly errno: number
  readonly syscall: string
  readonly path: string
  /** `errno` is negative, as the addon returns it and as Node's own errors have it. */
  constructor(syscall: string, path: string, errno: number) {
    if (errno >= 0 || errno < -ERRNO_MAX) throw new Error(`BUG: ${syscall}: errno ${errno}`)
    const code = errnoName(errno)
    super(`${syscall}${path === '' ? '' : ` ${path}`}: ${code}`)
    this.code = code
    this.errno = errno
    this.syscall = syscall
    this.path = path
  }
}

/** The result of a call, or a SysError when it is a -errno. */
export function check(result: number, syscall: string, path = ''): number {
  if (result < 0) throw new SysError(syscall, path, result)
  return result
}
