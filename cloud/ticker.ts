// One line on a terminal that changes, for what has no known end; nothing elsewhere.
import type { Io } from './io.ts'

/** So often people can read it. */
const SHOW_MS = 100
/** Carriage return, erase the line (ECMA-48 EL). */
const CLEAR = '\r\u001b[2K'

export class Ticker {
  readonly #io: Io
  #shownMs = Number.NEGATIVE_INFINITY
  #visible = false

  constructor(io: Io) {
    this.#io = io
  }

  show(text: string): void {
    const nowMs = performance.now()
    if (this.#io.err.isTTY !== true || nowMs - this.#shownMs < SHOW_MS) return
    this.#shownMs = nowMs
    this.#visible = true
    this.#io.err.write(`${CLEAR}${text}`)
  }

  hide(): void {
    if (this.#visible) this.#io.err.write(CLEAR)
    this.#visible = false
  }
}
