// What nobody catches, while a model runs: a death comes out wherever it happens; anything else is a bug.
import { Death } from './pid-one.ts'

const EVENTS = ['uncaughtException', 'unhandledRejection'] as const
type Listener = (error: unknown) => void

/** Takes the place of the test runner's listeners, which the returned function gives back. */
export function catchUncaught(bug: (error: unknown) => void): () => void {
  const before = EVENTS.map((event) => process.rawListeners(event) as Listener[])
  const listener = (error: unknown): void => {
    if (!(error instanceof Death)) bug(error)
  }
  for (const event of EVENTS) {
    process.removeAllListeners(event)
    process.on(event, listener)
  }
  return () => {
    for (const [at, event] of EVENTS.entries()) {
      process.removeAllListeners(event)
      for (const one of before[at] ?? []) process.on(event, one)
    }
  }
}
