// Reaps every child of PID 1 and tells whoever started it, in this life or in the one before. What nobody
// started is an orphan, counted.
import type { Life } from '../../sys/life.ts'
import type { Native } from '../../sys/native.ts'
import {
  decodeWaitStatus,
  kill,
  reapInto,
  spawn,
  UNKNOWN_END,
  type ProcessEnd,
  type SpawnRequest,
} from '../../sys/process.ts'
import { AppError } from './apps.ts'
import type { Log } from './log.ts'

export type OnEnd = (end: ProcessEnd) => void

/** A place in the life record, or what to note in one that is the child's for as long as it lives. */
export type Place = number | 'helper' | 'unpack'

export interface Reaper {
  /** A free place in the life record. Throws AppError 'too-many-children'. */
  claim(): number
  /**
   * Starts a child and names who is told of its end; its pid. Throws SysError, or AppError without a place.
   * Only `reap` collects children and JavaScript runs one thing at a time, so a child that ends before
   * this returns waits as a zombie until its owner is known, and its pid is not given away before.
   */
  spawn(child: SpawnRequest, onEnd: OnEnd, place?: Place): number
  /**
   * Takes over the child that the life before had at this place. Its pid, or null when it is gone: then
   * the next `reap` tells its end, which is unknown when it was never begun or nobody saw it end.
   */
  adopt(place: number, onEnd: OnEnd): number | null
  /** Kills what the life before had there; resolves when it is gone and its place is free. */
  end(place: number): Promise<void>
  /** Collects every child that has ended; call it on each SIGCHLD, and once after installing that. */
  reap: () => void
  /** How many children that nobody here started have been reaped. */
  orphans(): number
  /** How many children that were started here are not yet reaped. */
  children(): number
}

export interface ReaperOptions {
  native: Native
  life: Life
  log: Log
  /** Runs `next` in a later turn of the event loop. */
  later: (next: () => void) => void
}

/** A fork storm must not keep the event loop for itself. */
export const REAPED_PER_TURN_MAX = 512
const SIGKILL = 9

interface Ended {
  onEnd: OnEnd
  end: ProcessEnd
}

export function createReaper({ native, life, log, later }: ReaperOptions): Reaper {
  const owners = new Map<number, OnEnd>()
  const ends = new Int32Array(2 * REAPED_PER_TURN_MAX)
  /** Ends that the life before has seen, or nobody. */
  let ended: Ended[] = []
  let orphans = 0

  const tell = ({ onEnd, end }: Ended): void => {
    try {
      onEnd(end)
    } catch (error) {
      log.error({ err: error }, 'BUG in the handling of an exit')
    }
  }

  const claim = (): number => {
    try {
      return life.claim()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      throw new AppError(
        'too-many-children',
        'This node runs 2,048 children at most; remove an app first.',
      )
    }
  }

  const spawnHelper = (child: SpawnRequest, onEnd: OnEnd, kind: string): number => {
    const place = claim()
    try {
      life.write(place, { kind })
      const pid = spawn(native, child, place)
      owners.set(pid, (end) => {
        life.release(place)
        onEnd(end)
      })
      return pid
    } catch (error) {
      life.release(place)
      throw error
    }
  }

  const adopt = (place: number, onEnd: OnEnd): number | null => {
    const child = life.child(place)
    if (child !== null && child.status === null && kill(native, child.pid, 0)) {
      owners.set(child.pid, onEnd)
      return child.pid
    }
    const status = child?.status ?? null
    ended.push({ onEnd, end: status === null ? UNKNOWN_END : decodeWaitStatus(status) })
    return null
  }

  const reap = (): void => {
    const known = ended
    ended = []
    for (const one of known) tell(one)
    const count = reapInto(native, ends)
    for (let at = 0; at < 2 * count; at += 2) {
      const pid = ends[at] ?? 0
      const onEnd = owners.get(pid)
      if (onEnd === undefined) {
        orphans++
        continue
      }
      owners.delete(pid) // From here on the number may be anybody's.
      tell({ onEnd, end: decodeWaitStatus(ends[at + 1] ?? 0) })
    }
    if (count === REAPED_PER_TURN_MAX) later(reap)
  }

  return {
    claim,
    spawn(child, onEnd, place = 'helper') {
      if (typeof place === 'string') return spawnHelper(child, onEnd, place)
      const pid = spawn(native, child, place)
      owners.set(pid, onEnd)
      return pid
    },
    adopt,
    end(place) {
      const { promise, resolve } = Promise.withResolvers<undefined>()
      const pid = adopt(place, () => {
        life.release(place)
        resolve(undefined)
      })
      if (pid !== null) kill(native, pid, SIGKILL)
      return promise
    },
    reap,
    orphans: () => orphans,
    children: () => owners.size,
  }
}
