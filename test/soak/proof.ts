// What a long proof is given; each takes of it what it measures itself by.

export interface ProofOptions {
  /** How long, for what has no end of its own. */
  minutes: number
  /** How many, for what counts. */
  points: number
  /** By name, of what has several to choose from; none: all. */
  systems: readonly string[]
  /** All of its chance; the same seed does the same again. */
  seed: number
  report: (line: string) => void
  /** Aborts when the user has had enough; a proof may then end early, or be ended. */
  ending: AbortSignal
}

/** Rejects with what does not hold. */
export type Proof = (options: ProofOptions) => Promise<void>
