// Decompresses kernel modules' xz files in a child: PID 1 has no xz. Many at once, for on a slow machine the
// start of the child takes longer than its work.
import { closeSync, mkdirSync, openSync } from 'node:fs'
import type { Native } from '../../sys/native.ts'
import type { ProcessEnd } from '../../sys/process.ts'
import type { Clock } from '../supervisor/clock.ts'
import { describeExit } from '../supervisor/describe-exit.ts'
import type { Reaper } from '../supervisor/reaper.ts'

export interface UnxzTools {
  native: Pick<Native, 'kill'>
  reaper: Pick<Reaper, 'spawn'>
  clock: Pick<Clock, 'after'>
  /** An empty directory of ours, made when missing: the child's root. */
  directory: string
}

/** Open files: one is read, the other written. */
export interface XzPair {
  packed: number
  plain: number
}

/**
 * The file that could not be decompressed stays empty, and the child has said why on the console. Rejects with a
 * sentence when nothing is certain.
 */
export type Unxz = (pairs: readonly XzPair[]) => Promise<void>

/** kDescriptorsMax of native/spawn-child.h, without the standard streams. */
export const PAIRS_MAX = 30
const SIGKILL = 9
const UNXZ_MS_MAX = 120_000
const STDERR = 2
/** Some files are damaged, and the others whole. */
const SOME_FAILED = 1

export function createUnxz({ native, reaper, clock, directory }: UnxzTools): Unxz {
  return async (pairs) => {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const nothing = openSync(directory, 'r')
    try {
      const { promise, resolve } = Promise.withResolvers<ProcessEnd>()
      const argv = ['solocloud', 'unpack', directory, 'unxz', `${pairs.length}`]
      const files = pairs.flatMap(({ packed, plain }) => [packed, plain])
      const fds = [nothing, nothing, STDERR, ...files]
      const pid = reaper.spawn({ argv, env: [], namespaces: 0, fds }, resolve)
      const disarm = clock.after(UNXZ_MS_MAX, () => void native.kill(pid, SIGKILL))
      const end = await promise
      disarm()
      if (end.exitCode !== 0 && end.exitCode !== SOME_FAILED)
        throw new Error(`the decompressor ${describeExit(end)}`)
    } finally {
      closeSync(nothing)
    }
  }
}
