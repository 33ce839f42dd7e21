// A clock for tests, which moves only when told.
import type { Timers } from './timers.ts'

export class FakeTimers implements Timers {
  #nowMs = 0
  #waiting: { atMs: number; fire: () => void }[] = []

  nowMs(): number {
    return this.#nowMs
  }

  after(ms: number, fire: () => void): () => void {
    const entry = { atMs: this.#nowMs + ms, fire }
    this.#waiting.push(entry)
    return () => void (this.#waiting = this.#waiting.filter((other) => other !== entry))
  }

  /** Lets time pass, with everything that happens on the way, in its order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    for (;;) {
      const [next] = this.#waiting.toSorted((a, b) => a.atMs - b.atMs)
      if (next === undefined || next.atMs > endMs) break
      this.#waiting = this.#waiting.filter((other) => other !== next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.fire()
    }
    this.#nowMs = endMs
  }
}
