import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { ask, at, httpOk, isRefused, SSH_BANNER, untilAnswer } from './probe.ts'

async function server(answer: (text: string) => string): Promise<Server & AsyncDisposable> {
  const made = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.setEncoding('utf8')
    const greeting = answer('')
    if (greeting !== '') socket.write(greeting)
    socket.on('data', (text: string) => socket.end(answer(text)))
  })
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
  return made
}

const whereIs = (made: Server) => ({
  host: '127.0.0.1',
  port: (made.address() as AddressInfo).port,
})
const never = new AbortController().signal

test('200 is an answer, 503 is not', async () => {
  await using ready = await server((text) => (text === '' ? '' : 'HTTP/1.1 200 OK\r\n\r\n'))
  await using busy = await server((text) => (text === '' ? '' : 'HTTP/1.1 503 No\r\n\r\n'))
  expect(await ask({ ...whereIs(ready), ...httpOk('/') }, never)).toBe(true)
  expect(await ask({ ...whereIs(busy), ...httpOk('/') }, never)).toBe(false)
})

test('a banner needs no request', async () => {
  await using sshd = await server(() => 'SSH-2.0-OpenSSH_9.2p1\r\n')
  expect(await ask({ ...whereIs(sshd), ...SSH_BANNER }, never)).toBe(true)
})

test('nobody listening is no answer', async () => {
  const closed = await server(() => '')
  const where = whereIs(closed)
  await closed[Symbol.asyncDispose]()
  expect(await ask({ ...where, ...httpOk('/') }, never)).toBe(false)
})

test('an aborted attempt is no answer', async () => {
  await using silent = await server(() => '')
  const stop = new AbortController()
  const asked = ask({ ...whereIs(silent), ...httpOk('/') }, stop.signal)
  stop.abort()
  expect(await asked).toBe(false)
})

test('a closed port refuses, a silent server does not', async () => {
  const closed = await server(() => '')
  const where = whereIs(closed)
  await using silent = await server(() => '')
  expect(await isRefused(whereIs(silent), AbortSignal.timeout(50))).toBe(false)
  await closed[Symbol.asyncDispose]()
  expect(await isRefused(where, never)).toBe(true)
})

const pace = { pauseMs: 1, attemptMs: 1000, timeoutMs: 5000 }

test('asks until the answer is yes, one attempt after the other', async () => {
  let [asked, open] = [0, 0]
  const attempt = async () => {
    expect(++open).toBe(1)
    await Promise.resolve()
    open--
    return ++asked === 3
  }
  await untilAnswer(attempt, pace)
  expect(asked).toBe(3)
})

test('an attempt that hangs gets a time limit, and the next one its turn', async () => {
  let asked = 0
  const attempt = async (signal: AbortSignal) => {
    if (++asked === 2) return true
    return new Promise<boolean>((resolve) => {
      signal.addEventListener('abort', () => resolve(false))
    })
  }
  await untilAnswer(attempt, { ...pace, attemptMs: 10 })
  expect(asked).toBe(2)
})

test('waiting has an end', async () => {
  const attempt = async () => Promise.resolve(false)
  await expect(untilAnswer(attempt, { ...pace, timeoutMs: 20 })).rejects.toThrow('within 20 ms')
})

test('waiting ends when it is told to', async () => {
  const stop = new AbortController()
  const attempt = async () => {
    stop.abort()
    return Promise.resolve(false)
  }
  await expect(untilAnswer(attempt, pace, stop.signal)).rejects.toThrow('stopped')
})

test('an address becomes host and port', () => {
  expect(at('127.0.0.1:40123')).toEqual({ host: '127.0.0.1', port: 40123 })
})
