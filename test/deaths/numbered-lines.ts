// Checks that an app's numbered lines are all there, each once: a tail of its log at a time.

export interface NumberedLines {
  /** The next tail; it must overlap the one before, or follow it. Throws with what is missing or doubled. */
  take(lines: readonly string[]): void
  /** The last number seen; 0: none yet. */
  last(): number
}

const NUMBERED = /^number (\d+)$/

export function numberedLines(): NumberedLines {
  let last = 0
  return {
    take(lines) {
      let before: number | null = null
      for (const line of lines) {
        const number = Number(NUMBERED.exec(line)?.[1] ?? 0)
        if (number === 0) continue
        // The first one must be known already, or the very next. Of the first tail it may be any.
        if (before === null ? last > 0 && number > last + 1 : number !== before + 1)
          throw new Error(`line ${number} follows line ${before ?? last}`)
        before = number
      }
      if (before === null) throw new Error('no numbered line at all')
      if (before < last) throw new Error(`the log ends with line ${before} and had ${last} before`)
      last = before
    },
    last: () => last,
  }
}
