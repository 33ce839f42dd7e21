// Asks a TCP server until it answers, to time how long a machine or an app takes to come up.
import { connect } from 'node:net'

/** What to say to a server and what counts as its answer. */
export interface Probe {
  host: string
  port: number
  send: string
  expect: RegExp
}

export interface Pace {
  /** A new attempt begins this often, also while others wait: a lost packet must not cost a second. */
  everyMs: number
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

/** Resolves when `attempt` first says yes. Rejects after `timeoutMs`, or when `stop` is aborted. */
export async function untilAnswer(
  attempt: (signal: AbortSignal) => Promise<boolean>,
  pace: Pace,
  stop: AbortSignal = new AbortController().signal,
): Promise<void> {
  const over = new AbortController()
  try {
    await new Promise<void>((resolve, reject) => {
      const each = (): void => {
        const limits = AbortSignal.any([over.signal, AbortSignal.timeout(pace.attemptMs)])
        void attempt(limits).then((yes) => yes && resolve(), reject)
      }
      const ticker = setInterval(each, pace.everyMs)
      const late = setTimeout(() => {
        reject(new Error(`no answer within ${pace.timeoutMs} ms`))
      }, pace.timeoutMs)
      over.signal.addEventListener('abort', () => {
        clearInterval(ticker)
        clearTimeout(late)
      })
      stop.addEventListener('abort', () => reject(new Error('stopped before an answer came')))
      each()
    })
  } finally {
    over.abort()
  }
}
