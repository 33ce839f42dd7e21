// Signal names for StopSignal. The numbers are those of Linux on x86-64 and arm64 (signal(7)).
import { constants } from 'node:os'

/** glibc's SIGRTMIN and SIGRTMAX. */
const SIGRTMIN = 34
const SIGRTMAX = 64

export const SIGNAL_RULE = 'use a name such as "SIGTERM" or its number'

/** 'SIGTERM' for 'SIGTERM', 'TERM' or '15', 'SIGRTMIN+3' for '37'; null for anything that is no signal. */
export function signalName(word: string): string | null {
  if (/^\d{1,2}$/.test(word)) return nameOf(Number(word))
  const name = word.startsWith('SIG') ? word : `SIG${word}`
  const realtime = /^SIGRTMIN(?:\+(\d{1,2}))?$/.exec(name)
  if (realtime !== null) return nameOf(SIGRTMIN + Number(realtime[1] ?? 0))
  return Object.hasOwn(constants.signals, name)
    ? nameOf(constants.signals[name as NodeJS.Signals])
    : null
}

function nameOf(number: number): string | null {
  if (number >= SIGRTMIN && number <= SIGRTMAX) {
    return number === SIGRTMIN ? 'SIGRTMIN' : `SIGRTMIN+${number - SIGRTMIN}`
  }
  // Node lists aliases (SIGIOT, SIGPOLL) after the common names.
  return Object.entries(constants.signals).find(([, known]) => known === number)?.[0] ?? null
}
