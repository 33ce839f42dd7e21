// Time as an argument: the supervisor reads no clock and sets no timer of its own.
import process from 'node:process'

export interface Clock {
  /** CLOCK_MONOTONIC, the same in every life of PID 1; for durations and deadlines. */
  nowMs(): number
  /** Unix time; for what people read. It may jump. */
  wallMs(): number
  /** Calls `fire` once after `ms`, unless the returned function is called first. */
  after(ms: number, fire: () => void): () => void
}

export const systemClock: Clock = {
  nowMs() {
    const [seconds, nanoseconds] = process.hrtime()
    return seconds * 1000 + nanoseconds / 1e6
  },
  wallMs: () => Date.now(),
  after(ms, fire) {
    const timer = setTimeout(fire, ms)
    return () => clearTimeout(timer)
  },
}

/** RFC 3339 in UTC, to the millisecond. */
export const timestamp = (clock: Clock): string => new Date(clock.wallMs()).toISOString()
