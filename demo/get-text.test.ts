import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { getText } from './get-text.ts'

test('a body is read, and an answer that is no 200 is an error that names it', async () => {
  const server = createServer((request, reply) => {
    reply.writeHead(request.url === '/' ? 200 : 503).end('Hello\n')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  try {
    expect(await getText(url)).toBe('Hello\n')
    await expect(getText(`${url}away`)).rejects.toThrow(`${url}away: HTTP 503`)
  } finally {
    server.close()
  }
})
