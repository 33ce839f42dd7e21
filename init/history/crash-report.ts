// What the loader noted of a death, as the operator reads it.
import type { CrashReport } from '../../protocol/api.ts'
import type { Death } from '../../sys/life.ts'

/** `version` is that of the life which writes the report: the dead one left none. */
export function crashReport(death: Death, version: string): CrashReport {
  const { life, atMs, uptimeMs, signal, address, instruction, stack, thread, reason, text } = death
  const frames = instruction === 0n ? stack : [instruction, ...stack]
  return {
    at: new Date(atMs).toISOString(),
    life,
    uptimeMs,
    reason,
    // Of a signal 0 is an address like any other: it is what a null pointer leads to.
    address: signal === 0 ? null : hex(address),
    nativeStack: frames.map(hex),
    jsStack: text === '' ? null : text,
    // PID 1's first thread has its number.
    thread: thread === 0 ? null : thread === 1 ? 'main' : `thread ${thread}`,
    version,
  }
}

const hex = (address: bigint): string => `0x${address.toString(16)}`
