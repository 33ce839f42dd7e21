// Time as an argument: nothing in this area reads a clock or sets a timer of its own.

export interface Timers {
  /** Monotonic. */
  nowMs(): number
  /** Calls `fire` once after `ms`, unless the returned function is called first. */
  after(ms: number, fire: () => void): () => void
}
