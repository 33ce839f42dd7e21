// Resource limits of this process.
import type { Native } from './native.ts'
import { check } from './sys-error.ts'

/** RLIMIT_* of <sys/resource.h>. */
export const Rlimit = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
} as const
export type Rlimit = keyof typeof Rlimit

/** RLIM_INFINITY, as the addon and the spawn plan take it. */
export const UNLIMITED = -1

/** setrlimit(2), in the resource's own unit. Throws SysError. */
export function setRlimit(native: Native, resource: Rlimit, soft: number, hard: number): void {
  check(native.setrlimit(Rlimit[resource], soft, hard), 'setrlimit', resource)
}
