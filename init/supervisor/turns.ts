// Lets a bounded number work at once; the others wait in the order in which they came.

export interface Turns {
  /**
   * Resolves with what ends the turn. `waiting` is called first when none is free. Rejects with the
   * signal's reason when that aborts before the turn comes.
   */
  take(signal: AbortSignal, waiting: () => void): Promise<() => void>
}

export function createTurns(atOnceMax: number): Turns {
  let busy = 0
  const queue: (() => void)[] = []

  /** Ends one turn, once. */
  const turn = (): (() => void) => {
    let over = false
    return () => {
      if (over) return
      over = true
      const next = queue.shift()
      if (next === undefined) busy--
      else next() // The place goes on to whoever waits; nobody can come in between.
    }
  }

  return {
    take(signal, waiting) {
      signal.throwIfAborted()
      if (busy < atOnceMax) {
        busy++
        return Promise.resolve(turn())
      }
      waiting()
      return new Promise((resolve, reject) => {
        const aborted = (): void => {
          queue.splice(queue.indexOf(mine), 1)
          reject(signal.reason as Error)
        }
        const mine = (): void => {
          signal.removeEventListener('abort', aborted)
          resolve(turn())
        }
        queue.push(mine)
        signal.addEventListener('abort', aborted, { once: true })
      })
    },
  }
}
