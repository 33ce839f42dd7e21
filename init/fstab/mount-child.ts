// Mounts in a child, in the node's own mount namespace: a disk that is slow, replays a long journal or does not
// answer keeps that child waiting, and not PID 1.
import { closeSync, openSync } from 'node:fs'
import type { SpawnPlan } from '../../chroot-runner/plan.ts'
import { mountFlags, type Mount } from '../../sys/mount.ts'
import type { Clock } from '../supervisor/clock.ts'
import { runPlan, type PlanRunner } from '../supervisor/plans.ts'

/** Rejects with a sentence. */
export type MountInChild = (wanted: Mount) => Promise<void>

const SIGKILL = 9
/** Of a large file system after a power cut. */
const MOUNT_MS_MAX = 5 * 60_000

/** `target` has no symbolic link in it. */
export function mountPlan({ source, target, fstype, flags, data }: Mount): SpawnPlan {
  const mount = { source, target: target.slice(1), fstype, flags: mountFlags(flags), data }
  return {
    ...{ namespaces: 0, env: [] },
    steps: [
      { op: 'enter-directory', root: '/' },
      { op: 'mount', ...mount, optional: false },
      { op: 'exit' },
    ],
  }
}

export function createMountInChild(runner: PlanRunner, clock: Pick<Clock, 'after'>): MountInChild {
  return async (wanted) => {
    const { promise, resolve } = Promise.withResolvers<string | null>()
    const nothing = openSync('/', 'r')
    try {
      const pid = runPlan(runner, mountPlan(wanted), [nothing, nothing, nothing], {
        started: () => undefined,
        ended: ({ end, failure }) => {
          const how = `the mount ended with ${end.signal ?? end.exitCode}`
          resolve(failure ?? (end.exitCode === 0 ? null : how))
        },
      })
      const disarm = clock.after(MOUNT_MS_MAX, () => {
        runner.native.kill(pid, SIGKILL)
        // It may wait for the disk for ever, and nothing else does.
        resolve(`no answer in ${MOUNT_MS_MAX / 60_000} minutes`)
      })
      const failure = await promise
      disarm()
      if (failure !== null) throw new Error(failure)
    } finally {
      closeSync(nothing)
    }
  }
}
