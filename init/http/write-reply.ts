// Writes a route's answer to the socket, with backpressure, and lets a refused upload hear it.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { BytesReply, JsonReply, LinesReply, Reply } from './reply.ts'
import { hasBody } from './routes.ts'

/** An empty line after this long without another: it tells a client that the node lives. */
export const HEARTBEAT_MS = 15_000
/** How long a client that is still uploading is given to notice the answer. */
export const LINGER_MS = 5_000

export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  /** What the route was given of the request; it reads no more once the answer is complete. */
  body: Readable
  /** False while the client waits for 100 Continue: then no body is on its way. */
  invited(): boolean
}

export async function writeReply(reply: Reply, exchange: Exchange): Promise<void> {
  const { request, response, body } = exchange
  // With unread bytes of a body on the way, the connection can't carry another request.
  const unread = hasBody(request.headers) && !request.complete
  if (unread && 'json' in reply) response.setHeader('connection', 'close')
  if ('lines' in reply) await writeLines(reply, request, response)
  else if ('bytes' in reply) await writeBytes(reply, request, response)
  else writeJson(reply, request, response)
  body.destroy()
  if (exchange.invited() && hasBody(request.headers) && !request.complete) {
    await linger(request, response)
  }
  response.end()
  if (hasBody(request.headers) && !request.complete) request.socket.destroySoon()
  if (reply.after !== undefined) {
    await closed(response)
    reply.after()
  }
}

function writeJson(reply: JsonReply, request: IncomingMessage, response: ServerResponse): void {
  const text = reply.json === null ? '' : `${JSON.stringify(reply.json)}\n`
  const headers = {
    ...(text === '' ? {} : { 'content-type': 'application/json' }),
    ...(reply.status === 204 ? {} : { 'content-length': Buffer.byteLength(text) }),
    ...reply.headers,
  }
  response.writeHead(reply.status, headers)
  if (text !== '' && request.method !== 'HEAD') response.write(text)
}

async function writeLines(
  reply: LinesReply,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(reply.status, { 'content-type': 'application/x-ndjson' })
  if (request.method === 'HEAD') {
    reply.cancel()
    return
  }
  response.flushHeaders()
  const stop = (): void => reply.cancel()
  response.once('close', stop)
  const heartbeat = setInterval(() => {
    if (response.writableLength === 0) response.write('\n')
  }, HEARTBEAT_MS)
  try {
    for await (const line of reply.lines) {
      if (response.destroyed) break
      if (!response.write(`${JSON.stringify(line)}\n`)) await drained(response)
    }
  } finally {
    clearInterval(heartbeat)
    response.off('close', stop)
    reply.cancel()
  }
}

/** An error of the bytes breaks the connection: its end is how a client knows that they are whole. */
async function writeBytes(
  reply: BytesReply,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(reply.status, { 'content-type': reply.type })
  if (request.method === 'HEAD') {
    reply.cancel()
    return
  }
  const stop = (): void => reply.cancel()
  response.once('close', stop)
  try {
    for await (const chunk of reply.bytes) {
      if (response.destroyed) break
      if (!response.write(chunk)) await drained(response)
    }
  } catch {
    response.destroy()
  } finally {
    response.off('close', stop)
    reply.cancel()
  }
}

/** Resolves when more can be written, or when nothing can be any more. */
function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}

/**
 * Reads and forgets what a client still uploads, for a bounded time, before the connection is closed:
 * closing with unread bytes makes the kernel send a reset, which can overtake the answer (RFC 9112, 9.6).
 */
async function linger(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (response.destroyed) return
  const over = Promise.withResolvers<undefined>()
  const done = (): void => over.resolve(undefined)
  const timer = setTimeout(done, LINGER_MS)
  request.once('end', done).once('close', done).resume()
  await over.promise
  clearTimeout(timer)
}

/** Resolves when the answer has been handed to the kernel, or the client has gone. */
function closed(response: ServerResponse): Promise<void> {
  if (response.writableFinished || response.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    response.once('finish', resolve).once('close', resolve)
  })
}
