// PID 1 as a model sees it: everything it does to the machine is a call, and any of these can be its last.

export class Death extends Error {
  override readonly name = 'Death'
}

export class PidOne {
  /** Nothing that it still does reaches the machine. */
  dead = false
  #left = Infinity
  #lastTakesEffect = false

  /** One call; it throws Death when this life ends with it or has ended. */
  call<T>(name: string, work: () => T): T {
    if (this.dead) throw new Death(`${name} after the death`)
    if (--this.#left > 0) return work()
    if (this.#lastTakesEffect) work()
    this.dead = true
    throw new Death(`death at ${name}`)
  }

  /** The `count`-th call from now on is this life's end, and has its effect first, or not. */
  dieAt(count: number, takesEffect: boolean): void {
    this.#left = count
    this.#lastTakesEffect = takesEffect
  }

  nextLife(): void {
    this.dead = false
    this.#left = Infinity
  }

  /** The same calls, made by PID 1. */
  gate<T extends object>(calls: T): T {
    const gated = Object.entries(calls).map(([name, call]): [string, unknown] => {
      if (typeof call !== 'function') return [name, call]
      const original = call as (...args: unknown[]) => unknown
      return [name, (...args: unknown[]) => this.call(name, () => original(...args))]
    })
    return Object.fromEntries(gated) as T
  }
}
