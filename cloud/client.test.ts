import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { logEvent } from '../protocol/wire.ts'
import { collect } from '../test/http/collect.ts'
import { NodeClient } from './client.ts'
import { parseNodeAddress } from './node-address.ts'

let server: Server
const NO_TUNNELS = { socketTo: () => Promise.reject(new Error('no tunnel is asked for')) }

async function clientOf(answer: RequestListener): Promise<NodeClient> {
  server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const node = parseNodeAddress(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  return new NodeClient(node, NO_TUNNELS, { connectMs: 5_000, silentMs: 60, answerMs: 60 })
}

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

test('a node that never answers', async () => {
  const client = await clientOf(() => undefined)
  await expect(client.tell('GET', '/')).rejects.toMatchObject({ code: 'unreachable', exitCode: 3 })
})

test('a node that goes silent in a stream', async () => {
  const client = await clientOf((_, response) => response.write('\n'))
  await expect(collect(client.stream('GET', '/', logEvent))).rejects.toThrow('is it still up?')
})

test('signs of life keep a stream open', async () => {
  const client = await clientOf((_, response) => {
    response.flushHeaders()
    let count = 0
    const timer = setInterval(() => {
      response.write('\n')
      if (++count < 50) return
      clearInterval(timer)
      response.end()
    }, 10)
  })
  expect(await collect(client.stream('GET', '/', logEvent))).toEqual([])
})

test('an answer that breaks off', async () => {
  const client = await clientOf((_, response) => {
    response.write('{"at":"2026-01-01T00:00:00Z","stream":"stdout","line":"cut')
    setImmediate(() => response.destroy())
  })
  await expect(collect(client.stream('GET', '/', logEvent))).rejects.toThrow('the connection broke')
})

test('a problem becomes an error with its code; an unknown app has an exit code of its own', async () => {
  let code = 'busy'
  const client = await clientOf((_, response) => {
    const problem = { type: 'about:blank', title: 'x', status: 409, code, detail: 'Not now.' }
    response.writeHead(409, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify(problem))
  })
  await expect(client.tell('GET', '/')).rejects.toMatchObject({
    ...{ code: 'busy', exitCode: 1, message: 'Not now.', logs: [] },
  })
  code = 'no-such-app'
  await expect(client.tell('GET', '/')).rejects.toMatchObject({ exitCode: 4 })
})

test('an endless answer is not read to the end', async () => {
  const client = await clientOf((_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(1024 * 1024)));
    }
    response.on('drain', more)
    more()
  })
  await expect(client.ask('GET', '/', logEvent)).rejects.toThrow('the answer is too long')
})
