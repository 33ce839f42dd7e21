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

/** How a process ended: one of the two is set, or none when a death of PID 1 has hidden it. */
export type ProcessEnd =
  | { exitCode: number; signal: null }
  | { exitCode: null; signal: string }
  | { exitCode: null; signal: null }

export const UNKNOWN_END: ProcessEnd = { exitCode: null, signal: null }

/** Decodes a wait status (wait(2), WIFEXITED and WTERMSIG). */
export function decodeWaitStatus(status: number): ProcessEnd {
  const signal = status & 0x7f
  if (signal === 0) return { exitCode: (status >> 8) & 0xff, signal: null }
  // 0x7f is a stopped process, which only a caller that asked for WUNTRACED can see.
  if (signal === 0x7f) throw new Error(`BUG: wait status ${status} of a process that has not ended`)
  return { exitCode: null, signal: signalName(signal) }
}

const ECHILD = -10

/**
 * Collects children that have ended until there are no more or `ends` is full: pid and wait status in turns.
 * How many there were. Throws SysError.
 */
export function reapInto(native: Native, ends: Int32Array): number {
  const count = native.reap(ends)
  return count === ECHILD ? 0 : check(count, 'waitpid')
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

/**
 * Starts this file in another role; the child's pid, which is also in its place in the life record by then.
 * Throws SysError (`path` is the role).
 */
export function spawn(native: Native, child: SpawnRequest, place: number): number {
  const { argv, env, namespaces, fds } = child
  return check(native.spawn(argv, env, namespaces, fds, place), 'spawn', argv[1] ?? '')
}

const ESRCH = -3

/** kill(2): false when there is no such process (any more). Throws SysError. */
export function kill(native: Native, pid: number, signal: number): boolean {
  const result = native.kill(pid, signal)
  if (result === ESRCH) return false
  check(result, 'kill', `${pid}`)
  return true
}
