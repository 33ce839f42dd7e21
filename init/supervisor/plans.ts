// Runs a spawn plan in a child and reads what it reports (docs/ARCHITECTURE.md, "A spawn").
import { closeSync } from 'node:fs'
import type { SpawnPlan } from '../../chroot-runner/plan.ts'
import type { Isolation } from '../../protocol/api.ts'
import type { Manifest } from '../../protocol/image.ts'
import type { Native } from '../../sys/native.ts'
import { decodeWaitStatus, type ProcessEnd } from '../../sys/process.ts'
import { lineReader, openChildPipe, readPipe } from './pipes.ts'
import type { Reaper } from './reaper.ts'

export interface AppPlanInput {
  name: string
  /** The generation's directory. */
  root: string
  manifest: Manifest
  isolation: Isolation
  /** The app's own cgroup, or null. */
  cgroup: string | null
  /** What its /etc/resolv.conf says. */
  resolvConf: string
}

/** chroot-runner, as the supervisor uses it. */
export interface Plans {
  app(input: AppPlanInput): SpawnPlan
  /** Replaces /etc/resolv.conf below the root of an app that runs. */
  refresh(input: { root: string; resolvConf: string }): SpawnPlan
  words(plan: SpawnPlan): string[]
  /** What it means that step number `step` failed with `errno`, in one sentence. */
  explain(plan: SpawnPlan, step: number, errno: number): string
}

export interface PlanRunner {
  native: Native
  reaper: Reaper
  plans: Plans
  /** Shared by all that read pipes. */
  buffer: Uint8Array
}

export interface PlanEnd {
  /** How the app's main process ended; the child's own end where there is no init step. */
  end: ProcessEnd
  /** Why the plan failed, or null when it did not: then `end` is the app's. */
  failure: string | null
}

export interface PlanHandler {
  /** The plan is done and the program runs. Not called when the plan failed. */
  started(): void
  /** The child is gone. */
  ended(end: PlanEnd): void
}

const REPORT_LINE_BYTES_MAX = 256
/** A report is a few short lines. */
const REPORT_READS_MAX = 8

/** Returns the pid. Throws SysError when there could be no child. `stdio` stays the caller's. */
export function runPlan(
  { native, reaper, plans, buffer }: PlanRunner,
  plan: SpawnPlan,
  stdio: readonly [number, number, number],
  handler: PlanHandler,
): number {
  const hasInit = plan.steps.some((step) => step.op === 'init')
  let failure: string | null = null
  let mainEnd: ProcessEnd | null = null
  let started = false
  const confirm = (): void => {
    if (started || failure !== null) return
    started = true
    handler.started()
  }
  const explain = (step: number, errno: number): string => {
    try {
      return plans.explain(plan, step, errno)
    } catch (error) {
      // The report is read on the event loop, where an exception would be PID 1's.
      return `step ${step} of its start failed with errno ${errno} (${String(error)})`
    }
  }
  const readReport = lineReader(REPORT_LINE_BYTES_MAX, (line) => {
    const [tag, first, second] = line.split(' ')
    if (tag === 'E') failure = explain(Number(first), Number(second))
    else if (tag === 'X') mainEnd = mainStatus(Number(first))
    else if (tag === 'R') confirm()
  })

  const pipe = openChildPipe(native, 'read')
  const report = readPipe(native, pipe.read, buffer, {
    bytes: readReport,
    // Close-on-exec: the exec is done. With an init, which keeps it open, only the end is near.
    end: () => hasInit || confirm(),
  })
  const fds = [...stdio, pipe.write]
  const argv = ['solocloud', 'spawn', ...plans.words(plan)]
  try {
    return reaper.spawn({ argv, env: plan.env, namespaces: plan.namespaces, fds }, (end) => {
      report.drain(REPORT_READS_MAX) // What it said before it ended comes first.
      report.close()
      handler.ended({ end: mainEnd ?? end, failure })
    })
  } catch (error) {
    report.close()
    throw error
  } finally {
    closeSync(pipe.write)
  }
}

/** The init reports what waitpid gave it; anything else is not believed. */
function mainStatus(status: number): ProcessEnd | null {
  return Number.isInteger(status) && (status & 0x7f) !== 0x7f ? decodeWaitStatus(status) : null
}
