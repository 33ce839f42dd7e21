// Ends what an app's main process has left behind.
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { Mounts } from './mounts.ts'
import type { Domain, Processes } from './processes.ts'

/** How often leftover processes are looked for; after the first 5 s, more rarely. */
const CLEAR_MS = 20
const CLEAR_ATTEMPTS_FAST = 250
const CLEAR_MS_SLOW = 1000

export interface ClearTools {
  clock: Clock
  log: Log
  processes: Processes
  mounts: Mounts
}

/**
 * Calls `done` once every process is gone. It is never called before: a second life beside the rest of
 * the first could damage what both write to.
 */
export function clear(
  { clock, log, processes, mounts }: ClearTools,
  name: string,
  domain: Domain,
  { guard }: { guard: (work: () => void) => void },
  done: () => void,
): void {
  const end = (): number => {
    try {
      return processes.end(domain)
    } catch (error) {
      log.error({ err: error, app: name }, "this app's processes can't be looked for")
      return 1 // Not known to be gone.
    }
  }
  const attempt = (count: number): void => {
    const left = end()
    if (left > 0) {
      if (count === CLEAR_ATTEMPTS_FAST)
        log.error({ app: name, processes: left }, 'processes of this app do not end')
      const ms = count < CLEAR_ATTEMPTS_FAST ? CLEAR_MS : CLEAR_MS_SLOW
      clock.after(ms, () => guard(() => attempt(count + 1)))
      return
    }
    if (domain.isolation === 'chroot') {
      try {
        mounts.detachBelow(domain.root)
      } catch (error) {
        log.error({ err: error, app: name }, "what is mounted in this app's root stays")
      }
    }
    done()
  }
  guard(() => attempt(0))
}
