// The two watchdogs: native code's, which ends a life whose event loop stands still, and the kernel's, which
// resets the machine when nothing of us runs any more.
import type { Life } from '../sys/life.ts'
import type { Native } from '../sys/native.ts'
import { check } from '../sys/sys-error.ts'
import type { BootLog } from './console.ts'
import type { KernelModules } from './modules/kernel-modules.ts'

export interface WatchdogParts {
  native: Native
  life: Pick<Life, 'get' | 'set' | 'keep'>
  log: BootLog
}

/** Ticks of a second without a turn of the event loop. No system call that we make may take so long. */
const HANG_TICKS = 10
/** Above everything that ends a hang without a reset: the ticks, and the wait for a thread that can't be ended. */
const DEVICE_SECONDS = 60
const ENOENT = -2

/** Early in every life. Never throws: a node that nobody watches still works. */
export function startWatchdog({ native, life, log }: WatchdogParts): void {
  try {
    // The device that an earlier life has opened waits for its next byte.
    check(native.watchdog(HANG_TICKS, life.get('watchdogFd')), 'watchdog')
  } catch (error) {
    log.complain('a hang would not be noticed', error)
  }
}

/**
 * After the hardware's kernel modules. The descriptor stays open over every life, because a watchdog that is
 * closed counts on. Never rejects.
 */
export async function openWatchdogDevice(
  parts: WatchdogParts,
  modules: Pick<KernelModules, 'loadNamed'>,
): Promise<void> {
  const { native, life, log } = parts
  if (native.ownsMachine() !== 1 || life.get('watchdogFd') >= 0) return
  let fd = native.openWatchdog(DEVICE_SECONDS)
  if (fd === ENOENT && (await modules.loadNamed('softdog')))
    fd = native.openWatchdog(DEVICE_SECONDS)
  if (fd === ENOENT) {
    log.info({}, 'this machine has no watchdog')
    return
  }
  try {
    check(fd, 'open', '/dev/watchdog')
    life.keep(fd)
    life.set('watchdogFd', fd)
    startWatchdog(parts)
  } catch (error) {
    log.complain('the watchdog is not used', error)
  }
}
