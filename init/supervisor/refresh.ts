// Brings a running app's /etc/resolv.conf up to date, by a plan of its own inside the app's root.
import { closeSync, openSync } from 'node:fs'
import type { AppProcess, ProcessTools } from './app-process.ts'
import { runPlan } from './plans.ts'

/** Does nothing when the app has it already. Never throws: an app with old name servers still runs. */
export function refreshResolvConf(tools: ProcessTools, app: string, process: AppProcess): void {
  const { log, plans, devNull } = tools
  const resolvConf = tools.resolvConf()
  if (process.resolvConf === resolvConf) return
  const before = process.resolvConf
  process.resolvConf = resolvConf
  const failed = (why: unknown): void => {
    process.resolvConf = before // The next change, or the next start, tries again.
    log.warn({ app, err: why }, "this app's /etc/resolv.conf stays as it was")
  }
  try {
    const nothing = openSync(devNull, 'r+')
    try {
      const plan = plans.refresh({ root: process.image.root, resolvConf })
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
