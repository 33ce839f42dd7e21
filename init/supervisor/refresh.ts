// Brings a running app's /etc/resolv.conf up to date, by a plan of its own inside the app's root.
import { closeSync, openSync } from 'node:fs'
import type { ProcessTools } from './app-process.ts'
import { runPlan } from './plans.ts'
import type { Runner } from './runner.ts'

/** Does nothing when the app does not run or has it already. Never throws: an app with old name servers still runs. */
export function refreshResolvConf(tools: ProcessTools, app: string, runner: Runner): void {
  const { log, plans, devNull } = tools
  const process = runner.running()
  const { content, digest } = tools.resolvConf()
  if (process === null || process.note.resolvConf === digest) return
  const before = process.note.resolvConf
  const note = (resolvConf: string): void => {
    process.note.resolvConf = resolvConf
    runner.guard(() => runner.save())
  }
  note(digest)
  const failed = (why: unknown): void => {
    note(before) // The next change, or the next start, tries again.
    log.warn({ app, err: why }, "this app's /etc/resolv.conf stays as it was")
  }
  try {
    const nothing = openSync(devNull, 'r+')
    try {
      const plan = plans.refresh({ root: process.root, resolvConf: content })
      runPlan(tools, plan, [nothing, nothing, nothing], {
        started: () => undefined,
        ended({ end, failure }) {
          if (failure !== null) failed(failure)
          else if (end.exitCode !== 0) failed(end)
        },
      })
    } finally {
      closeSync(nothing)
    }
  } catch (error) {
    failed(error)
  }
}
