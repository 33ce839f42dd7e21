import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sampleNode } from '../../test/http/fake-apps.ts'
import { askManagement } from './ask-management.ts'

/** Asks a server that answers like this. */
async function ask(answer: RequestListener): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'ask-'))
  const path = join(dir, 'socket')
  const server = createServer(answer)
  server.listen(path)
  await once(server, 'listening')
  try {
    await askManagement(path)
  } finally {
    server.close()
    rmSync(dir, { recursive: true })
  }
}

test('a status is an answer', async () => {
  await ask((request, response) => {
    expect(request.url).toBe('/v1/node')
    response.end(JSON.stringify(sampleNode()))
  })
})

test.each<[string, RequestListener, RegExp]>([
  ['a refusal', (_, response) => response.writeHead(503).end('{}'), /HTTP 503/],
  ['something else', (_, response) => response.end('{}'), /version must be/],
  ['half a status', (_, response) => response.end('{"version'), /not JSON/],
  ['the end', (_, response) => response.destroy(), /socket hang up|ECONNRESET/],
])('%s is none', async (_, answer, why) => {
  await expect(ask(answer)).rejects.toThrow(why)
})

test('nobody is there', async () => {
  await expect(askManagement('/nonexistent/socket')).rejects.toThrow('ENOENT')
})
