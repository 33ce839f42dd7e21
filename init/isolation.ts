// Which isolation this node can give: tried out once at boot, with the very steps of an app's start.
import { closeSync, mkdirSync, openSync } from 'node:fs'
import type { SpawnPlan } from '../chroot-runner/plan.ts'
import { rootSteps } from '../chroot-runner/app-root.ts'
import type { Isolation } from '../protocol/api.ts'
import { namespaceFlags } from '../sys/process.ts'
import { runPlan, type PlanRunner } from './supervisor/plans.ts'

export interface IsolationProbe {
  isolation: Isolation
  /** Why it is not `namespaces`; null when it is. */
  reason: string | null
}

/** All that an app with namespaces needs, around an empty root, and then no app. */
export function probePlan(root: string): SpawnPlan {
  return {
    namespaces: namespaceFlags(['pid', 'mount', 'ipc', 'uts']),
    env: [],
    steps: [
      { op: 'enter-mount-namespace', root },
      ...rootSteps(true),
      { op: 'pivot-root' },
      { op: 'exit' },
    ],
  }
}

/** `root` is an empty directory of ours, made when missing; mount points for a root stay in it. */
export async function probeIsolation(runner: PlanRunner, root: string): Promise<IsolationProbe> {
  mkdirSync(root, { recursive: true, mode: 0o700 })
  const nothing = openSync('/dev/null', 'r+')
  try {
    const reason = await new Promise<string | null>((resolve) => {
      runPlan(runner, probePlan(root), [nothing, nothing, nothing], {
        started: () => undefined,
        ended: ({ end, failure }) => {
          const how = `the probe ended with ${end.signal ?? end.exitCode}`
          resolve(failure ?? (end.exitCode === 0 ? null : how))
        },
      })
    })
    return { isolation: reason === null ? 'namespaces' : 'chroot', reason }
  } catch (error) {
    // clone(2) itself was refused.
    return { isolation: 'chroot', reason: error instanceof Error ? error.message : String(error) }
  } finally {
    closeSync(nothing)
  }
}
