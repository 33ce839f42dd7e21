import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { collect } from '../../test/http/collect.ts'
import {
  FakeApps,
  FakeLog,
  sampleApp,
  sampleHistory,
  sampleNode,
} from '../../test/http/fake-apps.ts'
import { FakeNode } from '../../test/http/fake-node.ts'
import { AppError } from '../supervisor/apps.ts'
import { Followers } from './followers.ts'
import { FOLLOW_CHARS_MAX } from './logs.ts'
import { FIRST_EVENT_MS_MAX } from './progress-reply.ts'
import type { LinesReply, Reply, RouteRequest } from './reply.ts'
import { route } from './routes.ts'

let apps: FakeApps
let node: FakeNode
let log: FakeLog
let followers: Followers

beforeEach(() => {
  apps = new FakeApps()
  node = new FakeNode()
  log = new FakeLog()
  followers = new Followers()
})
afterEach(() => {
  vi.useRealTimers()
})

function call(line: string, request: Partial<RouteRequest> = {}): Promise<Reply> {
  const [method = '', url = ''] = line.split(' ')
  const body = Readable.from([])
  return route({ apps, node, log, followers }, { method, url, headers: {}, body, ...request })
}

/** What a client would see first: the status, and the problem's code. */
async function outcome(line: string, headers: RouteRequest['headers'] = {}): Promise<string> {
  const reply = await call(line, { headers })
  const code = 'json' in reply ? (reply.json as { code?: string } | null)?.code : undefined
  return `${reply.status} ${code ?? ''}`.trim()
}

function push(name: string, text: string, headers: RouteRequest['headers'] = {}): Promise<Reply> {
  const body = Readable.from([Buffer.from(text)])
  const length = String(Buffer.byteLength(text))
  return call(`PUT /v1/apps/${name}`, { body, headers: { 'content-length': length, ...headers } })
}

function linesOf(reply: Reply): LinesReply {
  if (!('lines' in reply)) throw new Error(`no lines but ${JSON.stringify(reply)}`)
  return reply
}

function eventsOf(reply: Reply): Promise<unknown[]> {
  return collect(linesOf(reply).lines)
}

test.each([
  ['GET /', '404 no-such-resource'],
  ['GET /v1', '404 no-such-resource'],
  ['GET /v1/apps/', '404 no-such-resource'],
  ['GET /v1/apps/foo/secrets', '404 no-such-resource'],
  ['GET http://[', '400 bad-request'],
  ['GET /v1/apps/Foo', '400 bad-name'],
  ['PUT /v1/apps/..%2f..%2fetc', '400 bad-name'],
  ['GET /v1/apps/foo', '404 no-such-app'],
  ['DELETE /v1/apps/foo', '404 no-such-app'],
  ['POST /v1/apps/foo/restart', '404 no-such-app'],
  ['POST /v1/apps/foo/rollback', '404 no-such-app'],
  ['GET /v1/apps/foo/logs', '404 no-such-app'],
  ['DELETE /v1/apps', '405 method-not-allowed'],
  ['POST /v1/node', '405 method-not-allowed'],
  ['GET /v1/node/reboot', '405 method-not-allowed'],
  ['OPTIONS /v1/apps', '405 method-not-allowed'],
  ['PUT /v1/apps/foo', '411 length-required'],
])('%s: %s', async (line, expected) => {
  expect(await outcome(line)).toBe(expected)
})

test('a wrong method is told the right ones', async () => {
  const reply = await call('POST /v1/apps/foo')
  expect(reply).toMatchObject({ headers: { allow: 'GET, PUT, DELETE, HEAD' } })
})

test.each([
  [{ 'content-length': '0' }, '400 empty-body'],
  [{ 'content-length': '99999999999999' }, '413 image-too-big'],
  [{ 'content-length': '9', 'content-encoding': 'gzip' }, '415 unsupported-media-type'],
  [{ 'content-length': '9', 'content-type': 'multipart/form-data' }, '415 unsupported-media-type'],
  [{ 'content-length': '9', 'content-type': 'Text/Plain' }, '415 unsupported-media-type'],
  [{ 'content-length': '9', 'repr-digest': 'nonsense' }, '400 bad-digest'],
  [{ 'content-length': '9', 'repr-digest': 'md5=:AAAA:' }, '400 digest-unsupported'],
])('a push with %j: %s', async (headers, expected) => {
  expect(await outcome('PUT /v1/apps/foo', headers)).toBe(expected)
  expect(apps.pushedBytes).toBe(0)
})

test.each([{ origin: 'http://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'none' }])(
  'a web page is refused: %j',
  async (headers) => {
    expect(await outcome('POST /v1/node/reboot', headers)).toBe('403 browser-refused')
    expect(await outcome('GET /v1/apps', headers)).toBe('403 browser-refused')
    expect(node.acts).toEqual([])
  },
)

test('a body where none belongs is refused', async () => {
  expect(await outcome('POST /v1/node/reboot', { 'content-length': '2' })).toBe(
    '400 unexpected-body',
  )
  expect(await outcome('GET /v1/apps', { 'transfer-encoding': 'chunked' })).toBe(
    '400 unexpected-body',
  )
})

test('apps are listed, shown, restarted and deleted', async () => {
  apps.add('foo')
  expect(await call('GET /v1/apps')).toEqual({ status: 200, json: [sampleApp('foo')] })
  expect(await call('HEAD /v1/apps/foo')).toEqual({ status: 200, json: sampleApp('foo') })
  expect(await call('POST /v1/apps/foo/restart')).toMatchObject({ json: { restarts: 1 } })
  expect(await call('DELETE /v1/apps/foo')).toEqual({ status: 204, json: null })
  expect(apps.list()).toEqual([])
})

test("the node's past is shown", async () => {
  node.past = sampleHistory()
  expect(await call('GET /v1/node/crashes')).toEqual({ status: 200, json: sampleHistory() })
  expect(await outcome('DELETE /v1/node/crashes')).toBe('405 method-not-allowed')
})

test('the node is shown; a reboot begins only after the answer', async () => {
  expect(await call('GET /v1/node')).toEqual({ status: 200, json: sampleNode() })
  for (const path of ['reboot', 'poweroff']) {
    const reply = await call(`POST /v1/node/${path}`)
    expect(reply.status).toBe(202)
    if ('json' in reply) reply.after?.()
    expect(node.acts.at(-1)).toBe(path)
  }
})

test('a push streams its progress; the last event is the outcome', async () => {
  const events = await eventsOf(await push('foo', 'image'))
  expect(events.map((event) => (event as { event: string }).event)).toEqual([
    'unpacking',
    'unpacked',
    'starting',
    'started',
    'running',
  ])
  expect(events.at(-1)).toEqual({ event: 'running', app: apps.get('foo') })
})

test('a push that fails before it begins has a status of its own', async () => {
  apps.beforeUpload = () => Promise.reject(new AppError('push-in-progress', 'Wait for it.'))
  expect(await push('foo', 'image')).toMatchObject({
    status: 409,
    headers: { 'content-type': 'application/problem+json' },
    json: { type: 'about:blank', title: 'Conflict', status: 409, code: 'push-in-progress' },
  })
})

test('a push that fails later ends in an error event, with the log lines', async () => {
  const line = { at: '2026-01-01T00:00:00Z', stream: 'stderr' as const, line: 'no config' }
  apps.afterUpload = () => Promise.reject(new AppError('start-failed', 'It exited.', [line]))
  const events = await eventsOf(await push('foo', 'image'))
  expect(events.at(-1)).toEqual({
    event: 'error',
    problem: {
      type: 'about:blank',
      title: 'Unprocessable Entity',
      status: 422,
      code: 'start-failed',
      detail: 'It exited.',
    },
    logs: [line],
  })
})

test("an operation's own last event is not passed on: the outcome decides", async () => {
  apps.afterUpload = (push) => {
    push.onProgress({ event: 'running', app: sampleApp('foo') })
    throw new AppError('start-failed', 'It exited.')
  }
  const events = await eventsOf(await push('foo', 'image'))
  expect(events.map((event) => (event as { event: string }).event)).toEqual(['unpacking', 'error'])
})

test('a silent operation is answered all the same, and its error comes in the stream', async () => {
  vi.useFakeTimers()
  const gate = Promise.withResolvers<never>()
  apps.beforeUpload = () => gate.promise
  const replying = push('foo', 'image')
  await vi.advanceTimersByTimeAsync(FIRST_EVENT_MS_MAX)
  const reply = await replying
  gate.reject(new AppError('disk-full', 'No room.'))
  expect(await eventsOf(reply)).toMatchObject([{ event: 'error', problem: { status: 507 } }])
})

test('unread unpacking events merge', async () => {
  apps.afterUpload = (push) => {
    for (let bytes = 0; bytes <= 10_000; bytes++) {
      push.onProgress({ event: 'unpacking', bytes, entries: 1 })
    }
    return Promise.resolve()
  }
  const events = await eventsOf(await push('foo', 'image'))
  expect(events.length).toBeLessThan(10)
  expect(events).toContainEqual({ event: 'unpacking', bytes: 10_000, entries: 1 })
})

test('when the client leaves, the push goes on and nothing is kept for it', async () => {
  const gate = Promise.withResolvers<undefined>()
  apps.afterUpload = async () => {
    await gate.promise
  }
  const reply = linesOf(await push('foo', 'image'))
  reply.cancel()
  gate.resolve(undefined)
  expect(await collect(reply.lines)).toEqual([])
  await vi.waitFor(() => expect(apps.get('foo').generation).toBe(1))
})

test('a rollback streams too', async () => {
  apps.add('foo', { generation: 2, previousGeneration: 1 })
  const events = await eventsOf(await call('POST /v1/apps/foo/rollback'))
  expect(events).toEqual([
    { event: 'starting', generation: 1 },
    { event: 'running', app: sampleApp('foo', { generation: 1 }) },
  ])
  expect(await outcome('POST /v1/apps/foo/rollback')).toBe('409 no-previous-generation')
})

test('logs: the tail', async () => {
  apps.add('foo')
  for (let i = 0; i < 150; i++) apps.write('foo', String(i))
  const tail = async (query: string): Promise<number> =>
    (await eventsOf(await call(`GET /v1/apps/foo/logs${query}`))).length
  expect(await tail('')).toBe(100)
  expect(await tail('?tail=7')).toBe(7)
  expect(await tail('?tail=0')).toBe(0)
  expect(await tail('?tail=all&follow=false')).toBe(150)
})

test.each(['tail=-1', 'tail=x', 'tail=', 'follow=perhaps'])('logs?%s is refused', async (query) => {
  apps.add('foo')
  expect(await outcome(`GET /v1/apps/foo/logs?${query}`)).toBe('400 bad-request')
  expect(apps.followers('foo')).toBe(0)
})

test('followed logs go on until the app is deleted', async () => {
  apps.add('foo')
  apps.write('foo', 'old')
  const reading = eventsOf(await call('GET /v1/apps/foo/logs?follow'))
  apps.write('foo', 'new', 'stderr')
  await call('DELETE /v1/apps/foo')
  expect((await reading).map((event) => (event as { line: string }).line)).toEqual(['old', 'new'])
  expect(apps.followers('foo')).toBe(0)
})

test('a follower that leaves is forgotten', async () => {
  apps.add('foo')
  linesOf(await call('GET /v1/apps/foo/logs?follow')).cancel()
  expect(apps.followers('foo')).toBe(0)
})

test('a slow follower costs bounded memory, and learns what it missed', async () => {
  apps.add('foo')
  const reply = linesOf(await call('GET /v1/apps/foo/logs?follow'))
  const line = 'x'.repeat(1000)
  const total = 2 * Math.ceil(FOLLOW_CHARS_MAX / line.length)
  for (let i = 0; i < total; i++) apps.write('foo', line)
  const reader = reply.lines[Symbol.asyncIterator]()
  const read: object[] = []
  for (let last: object = {}; !('droppedLines' in last); read.push(last)) {
    last = ((await reader.next()) as IteratorYieldResult<object>).value
  }
  const kept = read.length - 1
  expect(kept * line.length).toBeLessThanOrEqual(FOLLOW_CHARS_MAX + line.length)
  expect(read.at(-1)).toMatchObject({ droppedLines: total - kept })
  apps.write('foo', 'after')
  expect((await reader.next()).value).toMatchObject({ line: 'after' })
})

test('a bug fails one request, is logged with its stack, and told without it', async () => {
  apps.list = () => {
    throw new TypeError('BUG: secret detail')
  }
  const reply = await call('GET /v1/apps')
  expect(reply).toMatchObject({ status: 500, json: { code: 'internal' } })
  expect(JSON.stringify(reply)).not.toContain('secret')
  expect(log.errors).toMatchObject([{ err: new TypeError('BUG: secret detail') }])
})
