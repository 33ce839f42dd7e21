// Asks a TCP server until it answers, to time how long a machine or an app takes to come up.
import { connect } from 'node:net'

/** What to say to a server and what counts as its answer. */
export interface Probe {
  host: string
  port: number
  send: string
  expect: RegExp
}

/**
 * How often to ask. Attempts overlap, because one that meets a booting guest's closed network hangs; and they
 * grow rarer as time goes by, so that few of them wait at once and the answer is known within `EVERY_SHARE`.
 */
export interface Pace {
  everyMsMin: number
  attemptMsMin: number
  timeoutMs: number
}

/** The pause between two attempts as a share of the time waited so far. */
const EVERY_SHARE = 0.04
/** An attempt lives as long as this many pauses: so many of them wait at most. */
const OVERLAP = 3

export const SSH_BANNER = { send: '', expect: /^SSH-2\.0-/ } as const

/** A request for `path` that must be answered with 200. */
export function httpOk(path: string): Pick<Probe, 'send' | 'expect'> {
  const send = `GET ${path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n`
  return { send, expect: /^HTTP\/1\.[01] 200 / }
}

/** `HOST:PORT` as the fields of a probe. */
export function at(address: string): Pick<Probe, 'host' | 'port'> {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}

/** One attempt: true when the answer begins as expected; false on anything else, and when aborted. */
export async function ask(probe: Probe, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect({ host: probe.host, port: probe.port, signal })
    const end = (): void => {
      socket.destroy()
      resolve(probe.expect.test(answer))
    }
    socket.setEncoding('latin1')
    socket.once('connect', () => socket.write(probe.send))
    socket.on('data', (text: string) => {
      answer += text
      // Enough for any status line or banner; the rest of the answer is of no interest.
      if (probe.expect.test(answer) || answer.length > 256) end()
    })
    socket.once('close', end)
    socket.once('error', end)
  })
}

/** Resolves when `attempt` first says yes. Rejects after `timeoutMs`, or when `stop` is aborted. */
export async function untilAnswer(
  attempt: (signal: AbortSignal) => Promise<boolean>,
  pace: Pace,
  stop: AbortSignal = new AbortController().signal,
): Promise<void> {
  const over = new AbortController()
  const start = performance.now()
  try {
    await new Promise<void>((resolve, reject) => {
      let next: NodeJS.Timeout
      const ask = (): void => {
        const pause = Math.max(pace.everyMsMin, (performance.now() - start) * EVERY_SHARE)
        const lifetime = AbortSignal.timeout(
          Math.ceil(Math.max(pace.attemptMsMin, pause * OVERLAP)),
        )
        void attempt(AbortSignal.any([over.signal, lifetime])).then(
          (yes) => yes && resolve(),
          reject,
        )
        next = setTimeout(ask, pause)
      }
      const late = setTimeout(() => {
        reject(new Error(`no answer within ${pace.timeoutMs} ms`))
      }, pace.timeoutMs)
      over.signal.addEventListener('abort', () => {
        clearTimeout(next)
        clearTimeout(late)
      })
      stop.addEventListener('abort', () => reject(new Error('stopped before an answer came')))
      ask()
    })
  } finally {
    over.abort()
  }
}
