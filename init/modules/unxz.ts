// Decompresses a kernel module's xz file in a child: PID 1 has no xz.
import { mkdirSync } from 'node:fs'
import type { Native } from '../../sys/native.ts'
import type { Clock } from '../supervisor/clock.ts'
import { describeExit } from '../supervisor/describe-exit.ts'
import type { Reaper } from '../supervisor/reaper.ts'
import type { ProcessEnd } from '../../sys/process.ts'

export interface UnxzTools {
  native: Pick<Native, 'kill'>
  reaper: Pick<Reaper, 'spawn'>
  clock: Pick<Clock, 'after'>
  /** An empty directory of ours, made when missing: the child's root. */
  directory: string
}

/** Reads the open file `packed` and writes to the open file `plain`. Rejects with a sentence. */
export type Unxz = (packed: number, plain: number) => Promise<void>

const SIGKILL = 9
const UNXZ_MS_MAX = 60_000
const STDERR = 2

export function createUnxz({ native, reaper, clock, directory }: UnxzTools): Unxz {
  return async (packed, plain) => {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const { promise, resolve } = Promise.withResolvers<ProcessEnd>()
    const argv = ['solocloud', 'unpack', directory, 'unxz']
    // What it complains about is for our own console.
    const fds = [packed, plain, STDERR]
    const pid = reaper.spawn({ argv, env: [], namespaces: 0, fds }, resolve)
    const disarm = clock.after(UNXZ_MS_MAX, () => void native.kill(pid, SIGKILL))
    const end = await promise
    disarm()
    if (end.exitCode !== 0) throw new Error(`the decompressor ${describeExit(end)}`)
  }
}
