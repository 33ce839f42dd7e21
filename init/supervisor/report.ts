// What a child in the role `spawn` says of its plan (docs/ARCHITECTURE.md, "A spawn"). It is looked at, not
// taken: until the child's end it stays in its socket, for the next life to look at.
import { closeSync } from 'node:fs'
import type { Native } from '../../sys/native.ts'
import { fcntl, O_NONBLOCK, openSocketPair, receive, type Pipe } from '../../sys/pipe.ts'
import { decodeWaitStatus, type ProcessEnd } from '../../sys/process.ts'
import { SysError } from '../../sys/sys-error.ts'
import { PipeWatch } from './pipes.ts'

export interface ReportHandler {
  /** Whether the plan has an init step: then it reports the start, and stays with its end of the socket. */
  hasInit: boolean
  /** Says what it means that a step failed. */
  explain: (step: number, errno: number) => string
  /** The plan is done and the program runs. Not called when the plan failed. */
  started(): void
  failed(why: string): void
}

/** A report is a few short lines; nobody of ours writes more. */
const REPORT_BYTES_MAX = 256
const LOOKS_MAX = 8
/** The only line that is taken, after it was handled: before Linux 4.4 no look goes past it. */
const STARTED = 'R\n'

/** Our end of the socket is `read`. Throws SysError. */
export function openReport(native: Native): Pipe {
  const pair = openSocketPair(native)
  try {
    fcntl(native, pair.read, 'setStatusFlags', O_NONBLOCK)
    return pair
  } catch (error) {
    closeSync(pair.read)
    closeSync(pair.write)
    throw error
  }
}

/** `fd` stays the caller's to close. */
export class Report {
  readonly #native: Native
  readonly #fd: number
  readonly #bytes: Uint8Array
  readonly #handler: ReportHandler
  readonly #watch: PipeWatch
  #said: 'nothing' | 'started' | 'failed' = 'nothing'
  #mainEnd: ProcessEnd | null = null

  /** Throws SysError. */
  constructor(native: Native, fd: number, buffer: Uint8Array, handler: ReportHandler) {
    this.#native = native
    this.#fd = fd
    this.#bytes = buffer
    this.#handler = handler
    // What was looked at still waits, and would wake us without end: after a word the watch is over.
    this.#watch = new PipeWatch(native, fd, () =>
      this.#look() && this.#said === 'nothing' ? null : 0,
    )
  }

  /** Looks once more, after the child's end; how the app's main process ended, when the init said so. */
  finish(): ProcessEnd | null {
    try {
      for (let looks = 0; looks < LOOKS_MAX && this.#look(); looks++);
    } catch (error) {
      if (!(error instanceof SysError)) throw error
    }
    return this.#mainEnd
  }

  /** Looks no more by itself; comes before closing the descriptor. */
  stop(): void {
    this.#watch.stop()
  }

  /** True when there may be more to see. */
  #look(): boolean {
    const bytes = this.#bytes.subarray(0, REPORT_BYTES_MAX)
    const count = receive(this.#native, this.#fd, bytes, 'peek')
    // Close-on-exec: the exec is done. With an init, which keeps it open, only the end is near.
    if (count === 0 && !this.#handler.hasInit) this.#started()
    if (count === null || count === 0) return count === null
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, count).toString('latin1')
    if (text.startsWith(STARTED)) {
      this.#started()
      receive(this.#native, this.#fd, bytes.subarray(0, STARTED.length), 'take')
      return true
    }
    for (const line of text.split('\n')) this.#takeLine(line)
    return false
  }

  #started(): void {
    if (this.#said !== 'nothing') return
    this.#said = 'started'
    this.#handler.started()
  }

  #takeLine(line: string): void {
    const [tag, first, second] = line.split(' ')
    if (tag === 'X') this.#mainEnd = mainStatus(Number(first))
    if (tag !== 'E' || this.#said === 'failed') return
    this.#said = 'failed'
    this.#handler.failed(this.#handler.explain(Number(first), Number(second)))
  }
}

/** The init reports what waitpid gave it; anything else is not believed. */
function mainStatus(status: number): ProcessEnd | null {
  return Number.isInteger(status) && (status & 0x7f) !== 0x7f ? decodeWaitStatus(status) : null
}
