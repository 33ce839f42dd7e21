// Signals with their senders, decoded from the addon's pipe.
import type { Native } from './native.ts'
import { readAvailable } from './pipe.ts'
import { check } from './sys-error.ts'

export interface ReceivedSignal {
  signal: number
  /** 0 when the kernel sent it. */
  senderPid: number
  senderUid: number
  /** si_code of sigaction(2): 0 (SI_USER) for kill, 0x80 (SI_KERNEL) for the kernel. */
  code: number
}

/** native/signal-pipe.h writes whole records of four int32. */
const RECORD_BYTES = 16
const RECORDS_MAX = 64

/** Installs the handlers; the descriptor to watch. Throws SysError. */
export function openSignalPipe(native: Native, signals: readonly number[]): number {
  return check(native.signalPipe(signals), 'sigaction')
}

/** Every signal that waits in the pipe, oldest first. Throws SysError. */
export function readSignals(native: Native, fd: number): ReceivedSignal[] {
  const received: ReceivedSignal[] = []
  const bytes = new Uint8Array(RECORD_BYTES * RECORDS_MAX)
  for (;;) {
    const size = readAvailable(native, fd, bytes)
    if (size === null || size === 0) return received
    const words = new Int32Array(bytes.buffer, 0, size / Int32Array.BYTES_PER_ELEMENT)
    for (let i = 0; i + 4 <= words.length; i += 4) {
      const [signal = 0, senderPid = 0, senderUid = 0, code = 0] = words.subarray(i, i + 4)
      received.push({ signal, senderPid, senderUid, code })
    }
  }
}
