// A clock that a model moves, which knows whose timer each is.
import type { Clock } from '../../init/supervisor/clock.ts'
import type { PidOne } from './pid-one.ts'

export interface ModelTimer {
  owner: string
  atMs: number
  fire: () => void
}

const START_MS = 1_000_000
const WALL_MS = Date.UTC(2030, 0, 1)

export class ModelClock {
  nowMs = START_MS
  timers: ModelTimer[] = []
  readonly #pidOne: PidOne

  constructor(pidOne: PidOne) {
    this.#pidOne = pidOne
  }

  of(owner: string): Clock {
    return {
      nowMs: () => this.nowMs,
      wallMs: () => WALL_MS + this.nowMs,
      after: (ms, fire) => {
        if (this.#pidOne.dead) return () => undefined
        const timer = { owner, atMs: this.nowMs + ms, fire }
        this.timers.push(timer)
        return () => {
          const at = this.timers.indexOf(timer)
          if (at >= 0) this.timers.splice(at, 1)
        }
      },
    }
  }

  /** Takes the first timer that is due by then out, and moves to it. */
  due(endMs: number): ModelTimer | null {
    let first: ModelTimer | undefined
    for (const timer of this.timers)
      if (first === undefined || timer.atMs < first.atMs) first = timer
    if (first === undefined || first.atMs > endMs) return null
    this.timers.splice(this.timers.indexOf(first), 1)
    this.nowMs = Math.max(this.nowMs, first.atMs)
    return first
  }
}
