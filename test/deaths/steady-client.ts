// A client that asks apps over HTTP all the time, one after the other, and counts.
import { setTimeout as sleep } from 'node:timers/promises'

export interface SteadyClient {
  /** Requests that were answered as expected. */
  answered(): number
  /** What went wrong, in words. */
  failures(): readonly string[]
  /** How long the slowest took, ms. */
  slowestMs(): number
  stop(): Promise<void>
}

export interface Asked {
  url: string
  answer: RegExp
}

/** In emulation a busy guest takes its time; a request that fails does so at once. */
const ANSWER_MS_MAX = 60_000
const PAUSE_MS = 200

export function steadyClient(apps: readonly Asked[]): SteadyClient {
  const ending = new AbortController()
  const failures: string[] = []
  let answered = 0
  let slowestMs = 0
  const ask = async ({ url, answer }: Asked): Promise<void> => {
    const begun = performance.now()
    try {
      const reply = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) })
      const text = await reply.text()
      if (reply.ok && answer.test(text)) answered++
      else failures.push(`${url}: HTTP ${reply.status}, ${JSON.stringify(text.slice(0, 80))}`)
    } catch (error) {
      const { message, cause } = error as Error
      failures.push(`${url}: ${message} ${cause instanceof Error ? cause.message : ''}`)
    }
    slowestMs = Math.max(slowestMs, performance.now() - begun)
  }
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      for (const app of apps) await ask(app)
      await sleep(PAUSE_MS)
    }
  }
  const running = run()
  return {
    answered: () => answered,
    failures: () => failures,
    slowestMs: () => slowestMs,
    async stop() {
      ending.abort()
      await running
    },
  }
}
