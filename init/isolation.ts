// Which isolation this node can give: tried out once at boot, with the very steps of an app's start.
import { closeSync, mkdirSync, openSync } from 'node:fs'
import type { SpawnPlan } from '../chroot-runner/plan.ts'
import { rootSteps } from '../chroot-runner/app-root.ts'
import type { Isolation } from '../protocol/api.ts'
import { namespaceFlags } from '../sys/process.ts'
import { SysError } from '../sys/sys-error.ts'
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

/**
 * `root` is an empty directory of ours, made when missing; mount points for a root stay in it. Never rejects:
 * a node whose apps have less isolation is better than none.
 */
export async function probeIsolation(runner: PlanRunner, root: string): Promise<IsolationProbe> {
  const reason = await tryPlan(runner, root).catch((error: unknown) =>
    error instanceof SysError
      ? `no new namespaces (clone): ${error.code}`
      : `the probe was not started: ${String(error)}`,
  )
  return { isolation: reason === null ? 'namespaces' : 'chroot', reason }
}

/** Why an app with namespaces would not start; null when it would. */
async function tryPlan(runner: PlanRunner, root: string): Promise<string | null> {
  mkdirSync(root, { recursive: true, mode: 0o700 })
  // Nothing is read or written there, and a container may have no /dev/null.
  const nothing = openSync(root, 'r')
  try {
    return await new Promise<string | null>((resolve) => {
      runPlan(runner, probePlan(root), [nothing, nothing, nothing], {
        started: () => undefined,
        ended: ({ end, failure }) => {
          const how = `the probe ended with ${end.signal ?? end.exitCode}`
          resolve(failure ?? (end.exitCode === 0 ? null : how))
        },
      })
    })
  } finally {
    closeSync(nothing)
  }
}
