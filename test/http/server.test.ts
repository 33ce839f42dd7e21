import { once } from 'node:events'
import { lstat, rename, writeFile } from 'node:fs/promises'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createManagementServer } from '../../init/http/server.ts'
import { HEARTBEAT_MS } from '../../init/http/write-reply.ts'
import { AppError } from '../../init/supervisor/apps.ts'
import { answerOf, BenchNode, untilClosed } from './bench-node.ts'

const MIB = 1024 * 1024
let bench: BenchNode

beforeEach(async () => {
  bench = await BenchNode.start()
})
afterEach(async () => {
  vi.useRealTimers()
  await bench[Symbol.asyncDispose]()
  expect(bench.log.errors).toEqual([])
})

function put(name: string, headers: Record<string, string | number>) {
  const path = `/v1/apps/${name}`
  return httpRequest({ host: '127.0.0.1', port: bench.port, method: 'PUT', path, headers })
}

/** Writes `bytes` zeros, waiting for the other side, until the answer or the end. */
async function upload(request: ReturnType<typeof put>, bytes: number): Promise<IncomingMessage> {
  const answered = once(request, 'response') as Promise<[IncomingMessage]>
  const first = answered.then(([response]) => response)
  const chunk = Buffer.alloc(64 * 1024)
  for (let sent = 0; sent < bytes; sent += chunk.length) {
    if (request.write(chunk)) continue
    const response = await Promise.race([once(request, 'drain'), first])
    if (!Array.isArray(response)) return response
  }
  request.end()
  return first
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

test('the Unix socket is for its owner alone, and serves', async () => {
  expect((await lstat(bench.socketPath)).mode & 0o777).toBe(0o600)
  expect((await lstat(dirname(bench.socketPath))).mode & 0o777).toBe(0o700)
  const options = { socketPath: bench.socketPath, host: undefined, port: undefined }
  expect((await bench.fetch('GET', '/v1/node', options)).status).toBe(200)
})

test('a socket that nobody answers on is replaced; one that is in use is not', async () => {
  const { apps, node, log } = bench
  const other = createManagementServer({ apps, node, log })
  await expect(other.listen({ unix: bench.socketPath })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  })
  const stale = join(bench.directory, 'stale.sock')
  const dead = createServer().listen(`${stale}.old`)
  await once(dead, 'listening')
  // As after a crash: the file is there, the listener is not.
  await rename(`${stale}.old`, stale)
  await new Promise((resolve) => dead.close(resolve))
  expect(await other.listen({ unix: stale })).toEqual([`unix:${stale}`])
  await other.close()
})

test('a file that is not a socket is not touched', async () => {
  const path = join(bench.directory, 'precious')
  await writeFile(path, 'data')
  const { apps, node, log } = bench
  const other = createManagementServer({ apps, node, log })
  await expect(other.listen({ unix: path })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  expect((await lstat(path)).size).toBe(4)
})

test('a taken port is an error of listen(), not of the process', async () => {
  const { apps, node, log } = bench
  const other = createManagementServer({ apps, node, log })
  const tcp = [{ host: '127.0.0.1', port: bench.port }]
  await expect(other.listen({ tcp })).rejects.toMatchObject({ code: 'EADDRINUSE' })
})

test('a refused push is not uploaded when the client asks first', async () => {
  const gate = Promise.withResolvers<undefined>()
  bench.apps.beforeUpload = async () => {
    await gate.promise
  }
  const headers = 'Host: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n'
  const first = bench.raw(`PUT /v1/apps/foo HTTP/1.1\r\n${headers}`)
  await vi.waitFor(() => expect(bench.apps.concurrent).toBe(1))
  const second = await untilClosed(bench.raw(`PUT /v1/apps/foo HTTP/1.1\r\n${headers}`))
  expect(second).toMatch(/^HTTP\/1\.1 409 Conflict\r\n/)
  expect(second).toContain('"code":"push-in-progress"')
  expect(second).not.toContain('100 Continue')
  const welcome = once(first, 'data') as Promise<[Buffer]>
  gate.resolve(undefined)
  expect(String((await welcome)[0])).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  first.destroy()
  await vi.waitFor(() => expect(bench.apps.concurrent).toBe(0))
})

test('progress before the first read invites the upload too: 100 can not follow 200', async () => {
  const gate = Promise.withResolvers<undefined>()
  bench.apps.beforeUpload = async (push) => {
    push.onProgress({ event: 'waiting', reason: 'another unpack' })
    await gate.promise
  }
  const headers = 'Host: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n'
  const socket = bench.raw(`PUT /v1/apps/foo HTTP/1.1\r\n${headers}`)
  const text = readUntil(socket, '"event":"running"')
  socket.write('data')
  gate.resolve(undefined)
  expect(await text).toMatch(
    /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*"event":"waiting"/,
  )
})

test('an early refusal reaches a client that uploads without asking', async () => {
  bench.apps.beforeUpload = () => Promise.reject(new AppError('disk-full', 'No room for it.'))
  const request = put('foo', { 'content-length': 200 * MIB })
  const answer = await answerOf(await upload(request, 200 * MIB))
  expect(answer.status).toBe(507)
  expect(answer.headers['content-type']).toBe('application/problem+json')
  expect(answer.json()).toEqual({
    type: 'about:blank',
    title: 'Insufficient Storage',
    status: 507,
    code: 'disk-full',
    detail: 'No room for it.',
  })
  request.destroy()
})

test('a push that fails while it uploads ends the stream with the reason', async () => {
  bench.apps.deploy = async (push) => {
    for await (const chunk of push.body as AsyncIterable<Buffer>) {
      push.onProgress({ event: 'unpacking', bytes: chunk.length, entries: 1 })
      throw new AppError('image-corrupt', 'This is not a tar.')
    }
    throw new AppError('image-corrupt', 'It is empty.')
  }
  const request = put('foo', { 'content-length': 200 * MIB })
  const response = await upload(request, 200 * MIB)
  let text = ''
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString()
    if (text.includes('image-corrupt')) break
  }
  expect(text).toContain('"event":"error"')
  request.destroy()
})

test('progress comes while the body is still on its way', async () => {
  const request = put('foo', { 'content-length': 8 })
  request.write('1234')
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const [first] = (await once(response, 'data')) as [Buffer]
  expect(JSON.parse(first.toString())).toEqual({ event: 'unpacking', bytes: 4, entries: 1 })
  request.end('5678')
  const { text } = await answerOf(response)
  expect(text.trim().split('\n').at(-1)).toMatch(/^{"event":"running"/)
})

test('a connection that breaks mid-push fails the push', async () => {
  const request = put('foo', { 'content-length': 100 })
  request.on('error', () => undefined)
  request.write('only this')
  await vi.waitFor(() => expect(bench.apps.pushedBytes).toBe(9))
  request.destroy()
  await vi.waitFor(() => expect(bench.apps.failures.map(codeOf)).toEqual(['connection-lost']))
  expect(bench.apps.list()).toEqual([])
})

test('a client that closes its half early fails the push', async () => {
  const socket = bench.raw('PUT /v1/apps/foo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc')
  socket.end()
  await vi.waitFor(() => expect(bench.apps.failures.map(codeOf)).toEqual(['connection-lost']))
  socket.destroy()
})

test('a broken chunked body fails the push', async () => {
  const head = 'PUT /v1/apps/foo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
  const socket = bench.raw(`${head}3\r\nabc\r\nnonsense\r\n`)
  await vi.waitFor(() => expect(bench.apps.failures.map(codeOf)).toEqual(['connection-lost']))
  socket.destroy()
})

test('a push that stands still is given up', async () => {
  await using slow = await BenchNode.start(50)
  const head = 'PUT /v1/apps/foo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc'
  const text = readUntil(slow.raw(head), '"code":"push-stalled"')
  await vi.waitFor(() => expect(slow.apps.failures.map(codeOf)).toEqual(['push-stalled']))
  expect(await text).toContain('No byte of the image came for')
})

async function readUntil(socket: Socket, mark: string): Promise<string> {
  let text = ''
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    text += chunk.toString()
    if (text.includes(mark)) break
  }
  socket.destroy()
  return text
}

test('a push on whose behalf nobody reads is not given up', async () => {
  await using slow = await BenchNode.start(50)
  const gate = Promise.withResolvers<undefined>()
  slow.apps.beforeUpload = async (push) => {
    push.onProgress({ event: 'waiting', reason: 'another unpack' })
    await gate.promise
  }
  const body = Buffer.alloc(4 * MIB)
  const fetching = slow.fetch(
    'PUT',
    '/v1/apps/foo',
    { headers: { 'content-length': body.length } },
    body,
  )
  await new Promise((resolve) => setTimeout(resolve, 200)) // Four times the limit.
  gate.resolve(undefined)
  const events = (await fetching).lines().map(({ event }) => event)
  expect(events[0]).toBe('waiting')
  expect(events.at(-1)).toBe('running')
})

test('a wrong digest is told', async () => {
  const wrong = Buffer.alloc(32).toString('base64')
  const headers = { 'repr-digest': `sha-256=:${wrong}:`, 'content-length': 5 }
  const answer = await bench.fetch('PUT', '/v1/apps/foo', { headers }, Buffer.from('image'))
  expect(answer.lines().at(-1)).toMatchObject({
    event: 'error',
    problem: { status: 400, code: 'digest-mismatch' },
  })
})

test('ten pushes at once', async () => {
  const gate = Promise.withResolvers<undefined>()
  bench.apps.afterUpload = async () => {
    if (bench.apps.concurrent === 10) gate.resolve(undefined)
    await gate.promise
  }
  const body = Buffer.alloc(2 * MIB, 'x')
  const options = { headers: { 'content-length': body.length } }
  const names = Array.from({ length: 10 }, (_, i) => `app-${i}`)
  const answers = await Promise.all(
    names.map((name) => bench.fetch('PUT', `/v1/apps/${name}`, options, body)),
  )
  expect(answers.map((answer) => answer.lines().at(-1)?.['event'])).toEqual(
    names.map(() => 'running'),
  )
  expect(bench.apps.concurrentMax).toBe(10)
  expect(bench.apps.pushedBytes).toBe(20 * MIB)
})

test('one connection carries many requests, a HEAD and a refused one among them', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const sockets = new Set<unknown>()
  const ask = async (method: string, path: string): Promise<[number, number]> => {
    const request = httpRequest({ host: '127.0.0.1', port: bench.port, agent, method, path })
    request.once('socket', (socket) => sockets.add(socket))
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const { status, text } = await answerOf(response)
    return [status, text.length]
  }
  bench.apps.add('foo')
  const [, length] = await ask('GET', '/v1/apps/foo')
  expect(length).toBeGreaterThan(100)
  expect(await ask('HEAD', '/v1/apps/foo')).toEqual([200, 0])
  expect(await ask('DELETE', '/v1/apps/bar')).toEqual([404, expect.any(Number)])
  expect(await ask('DELETE', '/v1/apps/foo')).toEqual([204, 0])
  expect(await ask('GET', '/v1/apps')).toEqual([200, 3])
  expect(sockets.size).toBe(1)
  agent.destroy()
})

test('HEAD of a followed log ends at once', async () => {
  bench.apps.add('foo')
  const answer = await bench.fetch('HEAD', '/v1/apps/foo/logs?follow')
  expect([answer.status, answer.text]).toEqual([200, ''])
  expect(answer.headers['content-type']).toBe('application/x-ndjson')
  expect(bench.apps.followers('foo')).toBe(0)
})

test('a push leaves its connection usable', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let generation = 1; generation <= 3; generation++) {
    const options = { agent, headers: { 'content-length': MIB } }
    const answer = await bench.fetch('PUT', '/v1/apps/foo', options, Buffer.alloc(MIB))
    expect(answer.lines().at(-1)).toMatchObject({ event: 'running', app: { generation } })
  }
  agent.destroy()
})

test('a follower gets lines as they are written, signs of life, and the end of the app', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  bench.apps.add('foo')
  const request = httpRequest({ port: bench.port, path: '/v1/apps/foo/logs?follow' }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const next = async (): Promise<string> => String(((await once(response, 'data')) as [Buffer])[0])
  const line = next()
  bench.apps.write('foo', 'hello')
  expect(await line).toBe('{"at":"2026-01-02T03:04:05.678Z","stream":"stdout","line":"hello"}\n')
  const life = next()
  vi.advanceTimersByTime(HEARTBEAT_MS)
  expect(await life).toBe('\n')
  const end = once(response, 'end')
  response.resume()
  await bench.fetch('DELETE', '/v1/apps/foo')
  await end
})

test('a follower that leaves is forgotten', async () => {
  bench.apps.add('foo')
  const request = httpRequest({ port: bench.port, path: '/v1/apps/foo/logs?follow' }).end()
  await once(request, 'response')
  expect(bench.apps.followers('foo')).toBe(1)
  request.on('error', () => undefined).destroy()
  await vi.waitFor(() => expect(bench.apps.followers('foo')).toBe(0))
})

test('a follower that does not read costs a bounded amount, and is told what it missed', async () => {
  bench.apps.add('foo')
  const request = httpRequest({ port: bench.port, path: '/v1/apps/foo/logs?follow' }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const text = 'x'.repeat(10_000)
  const total = 5_000
  for (let i = 0; i < total; i++) {
    bench.apps.lines.clear() // The fake keeps all; here only the server's memory matters.
    bench.apps.write('foo', text)
    if (i % 100 === 0) await new Promise(setImmediate)
  }
  const answer = answerOf(response)
  await bench.fetch('DELETE', '/v1/apps/foo')
  const events = (await answer).lines()
  const dropped = events.reduce((sum, { droppedLines = 0 }) => sum + Number(droppedLines), 0)
  const kept = events.filter((event) => 'line' in event).length
  expect(kept + dropped).toBe(total)
  // What the kernel's socket buffers hold comes on top of ours.
  expect(dropped).toBeGreaterThan(total / 2)
})

test('requests from web pages are refused', async () => {
  const headers = { origin: 'http://evil.example' }
  const answer = await bench.fetch('POST', '/v1/node/poweroff', { headers })
  expect([answer.status, bench.node.acts]).toEqual([403, []])
})

test('a reboot is answered before it begins', async () => {
  const answer = await bench.fetch('POST', '/v1/node/reboot')
  expect([answer.status, answer.json()]).toEqual([202, { action: 'reboot' }])
  await vi.waitFor(() => expect(bench.node.acts).toEqual(['reboot']))
})

test.each([
  [
    'GET /v1/node HTTP/1.1\r\nConnection: close\r\n\r\n',
    /^HTTP\/1\.1 400 [^]*application\/problem\+json[^]*Host/,
  ],
  ['nonsense\r\n\r\n', /^HTTP\/1\.1 400 Bad Request\r\n[^]*"code":"bad-request"/],
  [
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(9000)}\r\n\r\n`,
    /^HTTP\/1\.1 431 [^]*headers-too-large/,
  ],
  [
    'GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nConnection: close\r\n\r\n',
    /^HTTP\/1\.1 417 [^]*expectation-failed/,
  ],
])('a bad request is answered: %#', async (text, expected) => {
  expect(await untilClosed(bench.raw(text))).toMatch(expected)
})

test('more connections than the limit are closed, and one that ends makes room', async () => {
  const head = 'PUT /v1/apps/foo HTTP/1.1\r\n' // Never finished.
  const held = Array.from({ length: 64 }, () => bench.raw(head))
  await Promise.all(held.map((socket) => once(socket, 'connect')))
  expect(await untilClosed(bench.raw(head))).toBe('')
  const options = { socketPath: bench.socketPath, host: undefined, port: undefined }
  expect((await bench.fetch('GET', '/v1/node', options)).status).toBe(200)
  for (const socket of held) socket.destroy()
  await vi.waitFor(async () => expect((await bench.fetch('GET', '/v1/node')).status).toBe(200))
})

test('close() ends followers and uploads, and refuses what comes on open connections', async () => {
  bench.apps.add('bar')
  const agent = new Agent({ keepAlive: true })
  await bench.fetch('GET', '/v1/node', { agent })
  const following = bench.fetch('GET', '/v1/apps/bar/logs?follow')
  const request = put('foo', { 'content-length': 100 })
  request.write('begun')
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  await vi.waitFor(() => expect(bench.apps.followers('bar')).toBe(1))
  const startMs = performance.now()
  const closing = bench.server.close()
  expect((await following).text).toBe('')
  const [text] = await Promise.all([firstMatch(response, /shutting-down/), closing])
  expect(text).toContain('"status":503')
  expect(performance.now() - startMs).toBeLessThan(4_000)
  await expect(bench.fetch('GET', '/v1/node')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  agent.destroy()
})

test.each([
  ['nothing', ''],
  ['half a request', 'GET /v1/no'],
  ['no request at all', 'nonsense\r\n\r\n'],
  ['half a body', 'PUT /v1/apps/foo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab'],
  ['a request whose answer it does not read', 'GET /v1/node HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a protocol that we do not speak', 'CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n'],
])('close() does not wait for a client that is dead after %s', async (_, text) => {
  const socket = bench.raw(text)
  socket.pause()
  await once(socket, 'ready')
  await bench.fetch('GET', '/v1/apps') // The server has seen the other one by now.
  const startMs = performance.now()
  await bench.server.close()
  expect(performance.now() - startMs).toBeLessThan(4_000)
  socket.destroy()
})

async function firstMatch(response: IncomingMessage, mark: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString()
    if (mark.test(text)) return text
  }
  return text
}
