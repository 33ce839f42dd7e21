// Reaps every child of PID 1 and tells whoever started it. What nobody started is an orphan, counted.
import type { Native } from '../../sys/native.ts'
import { decodeWaitStatus, reapOne, spawn, type ProcessEnd } from '../../sys/process.ts'
import type { SpawnRequest } from '../../sys/process.ts'
import type { Log } from './log.ts'

export interface Reaper {
  /**
   * Starts a child and names who is told of its end; its pid. Throws SysError.
   * Only `reap` collects children and JavaScript runs one thing at a time, so a child that ends before
   * this returns waits as a zombie until its owner is known, and its pid is not given away before.
   */
  spawn(child: SpawnRequest, onEnd: (end: ProcessEnd) => void): number
  /** Collects every child that has ended; call it on each SIGCHLD, and once after installing that. */
  reap: () => void
  /** How many children that nobody here started have been reaped. */
  orphans(): number
  /** How many children that were started here are not yet reaped. */
  children(): number
}

export interface ReaperOptions {
  native: Native
  log: Log
  /** Runs `next` in a later turn of the event loop. */
  later: (next: () => void) => void
}

/** A fork storm must not keep the event loop for itself. */
export const REAPED_PER_TURN_MAX = 512

export function createReaper({ native, log, later }: ReaperOptions): Reaper {
  const owners = new Map<number, (end: ProcessEnd) => void>()
  let orphans = 0

  const dispatch = (pid: number, status: number): void => {
    const owner = owners.get(pid)
    if (owner === undefined) {
      orphans++
      return
    }
    owners.delete(pid) // From here on the number may be anybody's.
    try {
      owner(decodeWaitStatus(status))
    } catch (error) {
      log.error({ err: error, pid }, 'BUG in the handling of an exit')
    }
  }

  const reap = (): void => {
    for (let count = 0; count < REAPED_PER_TURN_MAX; count++) {
      const child = reapOne(native)
      if (child === null) return
      dispatch(child.pid, child.status)
    }
    later(reap)
  }

  return {
    spawn(child, onEnd) {
      const pid = spawn(native, child)
      owners.set(pid, onEnd)
      return pid
    },
    reap,
    orphans: () => orphans,
    children: () => owners.size,
  }
}
