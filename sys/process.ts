// Children: starting, signalling and reaping them.
import type { Native } from './native.ts'
import { signalName } from './signals.ts'
import { check } from './sys-error.ts'

/** CLONE_NEW* of <sched.h>. */
export const Namespace = {
  mount: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  net: 0x40000000,
} as const
export type Namespace = keyof typeof Namespace

export function namespaceFlags(namespaces: readonly Namespace[]): number {
  return namespaces.reduce((bits, name) => bits | Namespace[name], 0)
}

/** How a process ended: exactly one of the two is set. */
export type ProcessEnd = { exitCode: number; signal: null } | { exitCode: null; signal: string }

/** Decodes a wait status (wait(2), WIFEXITED and WTERMSIG). */
export function decodeWaitStatus(status: number): ProcessEnd {
  const signal = status & 0x7f
  if (signal === 0) return { exitCode: (status >> 8) & 0xff, signal: null }
  // 0x7f is a stopped process, which only a caller that asked for WUNTRACED can see.
  if (signal === 0x7f) throw new Error(`BUG: wait status ${status} of a process that has not ended`)
  return { exitCode: null, signal: signalName(signal) }
}

export interface Reaped {
  pid: number
  /** As wait(2) gives it; decodeWaitStatus explains it. */
  status: number
}

const ECHILD = -10

/** The next child that has ended; null when none has (or there is none at all). Throws SysError. */
export function reapOne(native: Native): Reaped | null {
  const status = new Int32Array(1)
  const pid = native.waitpid(status)
  if (pid === 0 || pid === ECHILD) return null
  return { pid: check(pid, 'waitpid'), status: status[0] ?? 0 }
}

export interface SpawnRequest {
  argv: readonly string[]
  /** NAME=value words. */
  env: readonly string[]
  /** OR of CLONE_NEW*. */
  namespaces: number
  /** What the child has as descriptors 0, 1, 2 ... */
  fds: readonly number[]
}

/** Starts this file in another role; the child's pid. Throws SysError (`path` is the role). */
export function spawn(native: Native, { argv, env, namespaces, fds }: SpawnRequest): number {
  return check(native.spawn(argv, env, namespaces, fds), 'spawn', argv[1] ?? '')
}

const ESRCH = -3

/** kill(2): false when there is no such process (any more). Throws SysError. */
export function kill(native: Native, pid: number, signal: number): boolean {
  const result = native.kill(pid, signal)
  if (result === ESRCH) return false
  check(result, 'kill', `${pid}`)
  return true
}
