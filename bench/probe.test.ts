import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, test, vi } from 'vitest'
import { ask, at, httpOk, SSH_BANNER, untilAnswer } from './probe.ts'

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

test('attempts overlap: one that hangs does not delay the next', async () => {
  vi.useFakeTimers()
  try {
    let attempts = 0
    const hangs = new Promise<boolean>(() => undefined)
    const attempt = async () => (++attempts < 3 ? hangs : true)
    const answered = untilAnswer(attempt, {
      everyMsMin: 100,
      attemptMsMin: 60_000,
      timeoutMs: 1000,
    })
    await vi.advanceTimersByTimeAsync(200)
    await answered
    expect(attempts).toBe(3)
  } finally {
    vi.useRealTimers()
  }
})

test('waiting has an end, and then asks no more', async () => {
  vi.useFakeTimers()
  try {
    const attempt = vi.fn(async () => Promise.resolve(false))
    const answered = untilAnswer(attempt, { everyMsMin: 100, attemptMsMin: 100, timeoutMs: 1000 })
    const refused = expect(answered).rejects.toThrow('no answer within 1000 ms')
    await vi.advanceTimersByTimeAsync(1000)
    await refused
    const asked = attempt.mock.calls.length
    await vi.advanceTimersByTimeAsync(1000)
    expect(attempt.mock.calls.length).toBe(asked)
  } finally {
    vi.useRealTimers()
  }
})

test('attempts grow rarer: hardly more wait at once after a minute than after a second', async () => {
  vi.useFakeTimers()
  try {
    const attempt = vi.fn(async () => Promise.resolve(false))
    const pace = { everyMsMin: 10, attemptMsMin: 10, timeoutMs: 60_000 }
    const refused = expect(untilAnswer(attempt, pace)).rejects.toThrow('no answer')
    await vi.advanceTimersByTimeAsync(50_000)
    const before = attempt.mock.calls.length
    await vi.advanceTimersByTimeAsync(10_000)
    expect(attempt.mock.calls.length - before).toBeLessThanOrEqual(5)
    expect(attempt.mock.calls.length - before).toBeGreaterThanOrEqual(3)
    await refused
  } finally {
    vi.useRealTimers()
  }
})

test('waiting ends when it is told to', async () => {
  const stop = new AbortController()
  const pace = { everyMsMin: 1000, attemptMsMin: 1000, timeoutMs: 5000 }
  const answered = untilAnswer(async () => Promise.resolve(false), pace, stop.signal)
  stop.abort()
  await expect(answered).rejects.toThrow('stopped')
})

test('an address becomes host and port', () => {
  expect(at('127.0.0.1:40123')).toEqual({ host: '127.0.0.1', port: 40123 })
})
