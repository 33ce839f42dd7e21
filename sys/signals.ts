// Signal names and numbers, as images and people write them.
import { constants } from 'node:os'

/** glibc's SIGRTMIN and SIGRTMAX: the kernel starts at 32, and glibc keeps two for itself. */
export const SIGRTMIN = 34
export const SIGRTMAX = 64

/** Node's table holds aliases after the common names (SIGIOT, SIGPOLL): the first name wins. */
const names = new Map<number, string>()
for (const [name, number] of Object.entries(constants.signals)) {
  if (!names.has(number)) names.set(number, name)
}

/** 'SIGKILL' for 9, 'SIGRTMIN+3' for 37, 'SIG32' for what has no name. */
export function signalName(signal: number): string {
  if (signal >= SIGRTMIN && signal <= SIGRTMAX) {
    return signal === SIGRTMIN ? 'SIGRTMIN' : `SIGRTMIN+${signal - SIGRTMIN}`
  }
  return names.get(signal) ?? `SIG${signal}`
}

/** The number of 'SIGTERM', 'TERM', '15', 'SIGRTMIN+3' or 'SIGRTMAX-1'; null for anything else. */
export function signalNumber(text: string): number | null {
  const signal = parse(text)
  return signal !== null && signal >= 1 && signal <= SIGRTMAX ? signal : null
}

function parse(text: string): number | null {
  if (/^\d{1,2}$/.test(text)) return Number(text)
  const name = text.startsWith('SIG') ? text : `SIG${text}`
  const realtime = /^SIGRT(?:MIN(?:\+(\d{1,2}))?|MAX(?:-(\d{1,2}))?)$/.exec(name)
  if (realtime !== null) {
    const [, above, below] = realtime
    const signal = name.startsWith('SIGRTMIN')
      ? SIGRTMIN + Number(above ?? 0)
      : SIGRTMAX - Number(below ?? 0)
    return signal >= SIGRTMIN && signal <= SIGRTMAX ? signal : null
  }
  return Object.entries(constants.signals).find(([known]) => known === name)?.[1] ?? null
}
