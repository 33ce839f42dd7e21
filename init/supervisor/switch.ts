// Puts one generation of an app in the place of another, or leaves everything as it was.
import type { Progress } from '../../protocol/api.ts'
import type { Image } from './app-process.ts'
import { AppError } from './apps.ts'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { Slot } from './slot.ts'
import { startAndTry, stopAndWait } from './trial.ts'

export interface SwitchTools {
  clock: Clock
  log: Log
  /** How long a new generation must stay up. */
  trialMs: number
}

export interface Switch {
  from: Image | null
  to: Image
  signal: AbortSignal
  onProgress: (progress: Progress) => void
  /** Makes it last; called once it has stayed up. When this throws, the switch has failed too. */
  commit(): void
}

/** Rejects with why, after `from` runs again; when the signal aborts, nothing runs afterwards. */
export async function switchImage(tools: SwitchTools, slot: Slot, plan: Switch): Promise<void> {
  const { clock } = tools
  const { from, to, signal, onProgress } = plan
  try {
    if (from !== null) {
      onProgress({ event: 'stopping', generation: from.generation })
      await stopAndWait(clock, slot)
    }
    signal.throwIfAborted()
    slot.runner.load(to)
    onProgress({ event: 'starting', generation: to.generation })
    await startAndTry(clock, slot, {
      ms: tools.trialMs,
      signal,
      onStarted() {
        const { pid, isolation } = slot.runner.status()
        if (pid !== null)
          onProgress({ event: 'started', pid, isolation: isolation ?? to.isolation })
      },
    })
    plan.commit()
  } catch (error) {
    throw await goBack(tools, slot, plan, error)
  }
}

/** Returns the error to end with: what went wrong, and what runs now. */
async function goBack(
  { clock, log }: SwitchTools,
  slot: Slot,
  { from, signal, onProgress }: Switch,
  error: unknown,
): Promise<unknown> {
  const { name, runner } = slot
  try {
    await stopAndWait(clock, slot)
  } catch (second) {
    // It is still there; whatever is started below waits until it is gone.
    log.error({ err: second, app: name }, 'the failed generation does not end')
  }
  if (from === null || signal.aborted) return error
  const reason = error instanceof Error ? error.message : String(error)
  onProgress({ event: 'rolling-back', generation: from.generation, reason })
  runner.load(from)
  let now = `Generation ${from.generation} runs again.`
  try {
    await startAndTry(clock, slot, { ms: 0, signal, onStarted: () => undefined })
  } catch (second) {
    log.error({ err: second, app: name }, 'the generation before does not start either')
    now = `Generation ${from.generation} was started again, but does not run either.`
  }
  if (!(error instanceof AppError)) return error
  return new AppError(error.code, `${error.message} ${now}`, error.logs)
}
