// Runs a spawn plan in a child (docs/ARCHITECTURE.md, "A spawn").
import { closeSync } from 'node:fs'
import type { SpawnPlan } from '../../chroot-runner/plan.ts'
import type { Isolation } from '../../protocol/api.ts'
import type { Manifest } from '../../protocol/image.ts'
import type { Native } from '../../sys/native.ts'
import type { ProcessEnd } from '../../sys/process.ts'
import { errnoName } from '../../sys/sys-error.ts'
import type { OnEnd, Place, Reaper } from './reaper.ts'
import { openReport, Report, type ReportHandler } from './report.ts'

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

/**
 * Runs the plan of a helper, which ends with the life that started it. Returns the pid. Throws SysError when
 * there could be no child. `stdio` stays the caller's.
 */
export function runPlan(
  runner: PlanRunner,
  plan: SpawnPlan,
  stdio: readonly [number, number, number],
  handler: PlanHandler,
): number {
  const { native, buffer, plans } = runner
  let failure: string | null = null
  let report: Report | null = null
  const pair = openReport(native)
  const close = (): void => {
    report?.stop()
    closeSync(pair.read)
  }
  try {
    const watched = new Report(native, pair.read, buffer, {
      ...reportsOf(plans, plan),
      started: () => handler.started(),
      failed: (why) => (failure = why),
    })
    report = watched
    return startPlan(runner, plan, [...stdio, pair.write], 'helper', (end) => {
      const mainEnd = watched.finish()
      close()
      handler.ended({ end: mainEnd ?? end, failure })
    })
  } catch (error) {
    close()
    throw error
  } finally {
    closeSync(pair.write)
  }
}

/** Starts a child that runs the plan; its pid. `fds` are its stdio and its end of the report. Throws SysError. */
export function startPlan(
  { reaper, plans }: PlanRunner,
  plan: SpawnPlan,
  fds: readonly number[],
  place: Place,
  onEnd: OnEnd,
): number {
  const argv = ['solocloud', 'spawn', ...plans.words(plan)]
  return reaper.spawn({ argv, env: plan.env, namespaces: plan.namespaces, fds }, onEnd, place)
}

/** How to read what a child says of this plan. */
export function reportsOf(
  plans: Plans,
  plan: SpawnPlan,
): Pick<ReportHandler, 'hasInit' | 'explain'> {
  return {
    hasInit: plan.steps.some((step) => step.op === 'init'),
    explain(step, errno) {
      try {
        return plans.explain(plan, step, errno)
      } catch (error) {
        // The report is read on the event loop, where an exception would be PID 1's.
        return `${stepFailed(step, errno)} (${String(error)})`
      }
    },
  }
}

/** For a plan that the life before made. */
export const stepFailed = (step: number, errno: number): string =>
  `step ${step} of its start failed: ${errnoName(errno)}`
