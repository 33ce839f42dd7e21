// Waiting for an app: until it is gone, until it runs, until it has run for long enough.
import type { LogLine } from '../../protocol/api.ts'
import { AppError } from './apps.ts'
import type { Clock } from './clock.ts'
import { describeExit } from './describe-exit.ts'
import type { Runner } from './runner.ts'
import type { Slot } from './slot.ts'

/** A stop is over within the grace period; what lasts longer sits in the kernel. */
export const STOPPED_MS_MAX = 60_000
/** A start is over within 30 s, or has backed off; what lasts longer waits for an end of the life before. */
const STARTED_MS_MAX = 90_000
/** Of a failed start, in the error. */
const LOG_LINES_MAX = 20

type Verdict = 'wait' | 'done' | AppError

interface Watch {
  /** Ends the wait with its reason. */
  signal?: AbortSignal
  /** The verdict when there has been no other for so long. */
  limit?: { ms: number; verdict: 'done' | AppError }
  look: () => Verdict
}

/** Looks at the app now and after each of its changes, until there is a verdict. */
function watch(clock: Clock, runner: Runner, { signal, limit, look }: Watch): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  const decide = (verdict: Verdict): void => {
    if (verdict === 'done') resolve(undefined)
    else if (verdict !== 'wait') reject(verdict)
  }
  const aborted = (): void => reject(signal?.reason as Error)
  const unfollow = runner.onChange(() => decide(look()))
  signal?.addEventListener('abort', aborted, { once: true })
  const disarm = limit && clock.after(limit.ms, () => decide(limit.verdict))
  if (signal?.aborted === true) aborted()
  decide(look())
  return promise.finally(() => {
    unfollow()
    disarm?.()
    signal?.removeEventListener('abort', aborted)
  })
}

/** Resolves when no process of the app is left. Rejects with AppError 'stop-failed' after a minute. */
export async function stopAndWait(clock: Clock, { name, runner }: Slot): Promise<void> {
  const verdict = new AppError('stop-failed', `Processes of ${name} do not end; reboot the node.`)
  runner.send('stop')
  await watch(clock, runner, {
    limit: { ms: STOPPED_MS_MAX, verdict },
    look: () => (runner.state() === 'stopped' ? 'done' : 'wait'),
  })
}

/** As `stopAndWait`, but an app that does not end is still wanted: it starts again once it has ended. */
export async function stopToStart(clock: Clock, slot: Slot, signal: AbortSignal): Promise<void> {
  try {
    await stopAndWait(clock, slot)
  } catch (error) {
    if (!signal.aborted) slot.runner.send('start')
    throw error
  }
}

export interface Trial {
  /** How long it must stay up; 0: until its plan is done. */
  ms: number
  signal: AbortSignal
  onStarted(): void
}

/**
 * Starts the app and resolves when it has stayed up. Rejects with AppError 'start-failed' or
 * 'did-not-stay-up', or with the signal's reason; what then becomes of the app is the caller's.
 */
export async function startAndTry(clock: Clock, slot: Slot, trial: Trial): Promise<void> {
  const { runner, log } = slot
  const mark = log.mark()
  let startedMs: number | null = null
  const look = (): Verdict => {
    const state = runner.state()
    if (state === 'running') return 'done'
    if (state !== 'backing-off' && state !== 'stopped') return 'wait'
    const upMs = startedMs === null ? null : clock.nowMs() - startedMs
    return startError(slot, upMs, trial.ms, log.since(mark, LOG_LINES_MAX))
  }
  runner.send('start')
  const late = new AppError('start-failed', `${slot.name} has not started within 90 s.`)
  const limit = { ms: STARTED_MS_MAX, verdict: late }
  await watch(clock, runner, { signal: trial.signal, limit, look })
  startedMs = clock.nowMs()
  trial.onStarted()
  if (trial.ms === 0) return
  await watch(clock, runner, {
    signal: trial.signal,
    limit: { ms: trial.ms, verdict: 'done' },
    look: () => (runner.state() === 'running' ? 'wait' : look()),
  })
}

function startError(
  { name, runner }: Slot,
  upMs: number | null,
  trialMs: number,
  logs: LogLine[],
): AppError {
  const { error, lastExit } = runner.status()
  if (error !== null) return new AppError('start-failed', `${name} was not started: ${error}`, logs)
  const how = lastExit === null ? 'was stopped' : describeExit(lastExit)
  const after = upMs === null ? 'before it had started' : `after ${(upMs / 1000).toFixed(1)} s`
  const rule = trialMs > 0 ? `; it must stay up for ${trialMs / 1000} s` : ''
  return new AppError('did-not-stay-up', `${name} ${how} ${after}${rule}.`, logs)
}
