// For tests: a clock that a test moves.
import type { Clock } from './clock.ts'

interface Timer {
  atMs: number
  fire: () => void
}

export class FakeClock implements Clock {
  #nowMs: number
  #timers: Timer[] = []

  constructor(nowMs = 0) {
    this.#nowMs = nowMs
  }

  nowMs(): number {
    return this.#nowMs
  }
  wallMs(): number {
    return Date.UTC(2030, 0, 1) + this.#nowMs
  }
  after(ms: number, fire: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, fire }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }
  /** Fires what is due on the way, in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    for (;;) {
      const next = this.#timers.toSorted((one, other) => one.atMs - other.atMs)[0]
      if (next === undefined || next.atMs > endMs) break
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      this.#timers = this.#timers.filter((other) => other !== next)
      next.fire()
    }
    this.#nowMs = endMs
  }
  timers(): number {
    return this.#timers.length
  }
}
