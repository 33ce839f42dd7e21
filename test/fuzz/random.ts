// Chance in whole numbers: everything a run does follows from its seed.
import { pick, seeded } from '../seeded.ts'

export class Random {
  readonly #next: () => number

  constructor(seed: number) {
    this.#next = seeded(seed)
  }

  /** An integer from 0 to `end` - 1; `end` is at least 1. */
  below(end: number): number {
    return Math.floor(this.#next() * end)
  }

  pick<T>(items: readonly T[]): T {
    return pick(items, this.#next)
  }
}
