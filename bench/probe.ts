// Asks a TCP server until it answers, to time how long a machine or an app takes to come up.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What to say to a server and what counts as its answer. */
export interface Probe {
  host: string
  port: number
  send: string
  expect: RegExp
}

export interface Pace {
  /** From the end of an attempt to the next one. */
  pauseMs: number
  /** How long one attempt may take. */
  attemptMs: number
  timeoutMs: number
}

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

/** One attempt: true when somebody refuses or ends the connection, false when nobody says anything. */
export async function isRefused(
  where: Pick<Probe, 'host' | 'port'>,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...where, signal })
    socket.resume()
    socket.once('error', () => undefined)
    socket.once('close', () => resolve(!signal.aborted))
  })
}

/**
 * Resolves when `attempt` first says yes. One attempt at a time: several would keep a slow guest busy with
 * answers that nobody waits for. Rejects after `timeoutMs`, or when `stop` is aborted.
 */
export async function untilAnswer(
  attempt: (signal: AbortSignal) => Promise<boolean>,
  pace: Pace,
  stop: AbortSignal = new AbortController().signal,
): Promise<void> {
  const start = performance.now()
  for (;;) {
    const leftMs = pace.timeoutMs - (performance.now() - start)
    if (leftMs <= 0) throw new Error(`no answer within ${pace.timeoutMs} ms`)
    const lifetime = AbortSignal.timeout(Math.ceil(Math.min(leftMs, pace.attemptMs)))
    if (await attempt(AbortSignal.any([stop, lifetime]))) return
    if (stop.aborted) throw new Error('stopped before an answer came')
    await sleep(pace.pauseMs)
  }
}
