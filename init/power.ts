// What asks the node to go down: signals and the power button.
import { constants } from 'node:os'
import type { Native } from '../sys/native.ts'
import { reboot } from '../sys/reboot.ts'
import { openSignalPipe, readSignals, type ReceivedSignal } from '../sys/signal-pipe.ts'
import { signalName } from '../sys/signals.ts'
import { check } from '../sys/sys-error.ts'
import type { BootLog } from './console.ts'
import { watchPowerButton } from './power/acpi.ts'
import { procSenders, refusal, type Senders } from './power/sender.ts'

export type How = 'reboot' | 'power-off'

const { SIGINT, SIGTERM, SIGPWR } = constants.signals
/** SIGINT is ctrl-alt-del; the others are what container hosts and power supplies send. */
const ACTS = new Map<number, How>([
  [SIGINT, 'reboot'],
  [SIGTERM, 'power-off'],
  [SIGPWR, 'power-off'],
])

export interface PowerOptions {
  native: Native
  log: BootLog
  /** May be called more than once; only the first call counts. */
  goDown: (how: How, reason: string) => void
  senders?: Senders
}

/** Listens from now on. What this machine lacks is logged; never throws. */
export function handlePower({ native, log, goDown, senders = procSenders }: PowerOptions): void {
  const attempt = (without: string, act: () => void): void => {
    try {
      act()
    } catch (error) {
      log.warn({ err: error }, without)
    }
  }
  const hear = (received: ReceivedSignal): void => {
    const how = ACTS.get(received.signal)
    const name = signalName(received.signal)
    const why = refusal(received, senders)
    if (why !== null) log.complain(`${name} is ignored: ${why}`, null)
    else if (how !== undefined) goDown(how, name)
  }
  attempt('no signals: ctrl-alt-del and the host cannot end this node', () => {
    const fd = openSignalPipe(native, [...ACTS.keys()])
    const ready = (): void => {
      for (const signal of readSignals(native, fd)) hear(signal)
    }
    check(native.watch(fd, ready), 'watch')
  })
  if (native.ownsMachine() !== 1) return
  attempt('ctrl-alt-del resets the machine at once', () => reboot(native, 'ctrlAltDelOff'))
  attempt('no ACPI power button', () => {
    watchPowerButton(native, () => goDown('power-off', 'the power button'))
  })
}
