// The management server: node:http in front of the routes.
import { createServer, STATUS_CODES } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { AppError, type Apps } from '../supervisor/apps.ts'
import { Followers } from './followers.ts'
import { listenTcp, listenUnix, type TcpAddress } from './listen.ts'
import type { Log } from '../supervisor/log.ts'
import type { NodeControl } from './node-control.ts'
import { failureOf, problemOf, problemReply } from './problems.ts'
import { PACKED_BYTES_MAX } from './push.ts'
import type { Reply } from './reply.ts'
import { RequestBody } from './request-body.ts'
import { route, type RouteDeps } from './routes.ts'
import { writeReply } from './write-reply.ts'

/** How long a push may pause. */
export const BODY_IDLE_MS = 60_000
const HEADERS_MS_MAX = 10_000
const HEADER_BYTES_MAX = 8 * 1024
const KEEP_ALIVE_MS = 10_000
/** When the kernel begins to ask whether a silent client is still there. */
const PROBE_AFTER_MS = 30_000
/** Per listening address, so that a crowded one does not shut the others. */
const CONNECTIONS_MAX = 64
/** What close() gives to answers that are under way. */
const CLOSE_MS = 2_000

export interface ServerOptions {
  apps: Apps
  node: NodeControl
  log: Log
  /** Milliseconds; the default is BODY_IDLE_MS. */
  bodyIdleMs?: number
}
export interface ListenOptions {
  /** The socket's path; its directory is made (0700) where it is missing. */
  unix?: string
  tcp?: readonly TcpAddress[]
}

export interface ManagementServer {
  /** Resolves with the addresses that answer now, as the client writes them; rejects with Node's error. */
  listen(options: ListenOptions): Promise<string[]>
  /** Takes no more requests, ends idle connections and followed logs, breaks uploads, then the rest. */
  close(): Promise<void>
}

export function createManagementServer(options: ServerOptions): ManagementServer {
  return new HttpManagement(options)
}

interface Arrival {
  request: IncomingMessage
  response: ServerResponse
  /** The client waits for 100 Continue before it sends the body. */
  asksFirst?: boolean
  refusal?: AppError
}

/** 100 Continue, once, for a client that waits for it. */
class Invitation {
  readonly #response: ServerResponse
  sent: boolean

  constructor({ response, asksFirst = false }: Arrival) {
    this.#response = response
    this.sent = !asksFirst
  }

  send(): void {
    if (!this.sent && !this.#response.destroyed) this.#response.writeContinue()
    this.sent = true
  }
}

class HttpManagement implements ManagementServer {
  readonly #deps: RouteDeps
  readonly #bodyIdleMs: number
  readonly #servers = new Set<Server>()
  readonly #bodies = new Set<RequestBody>()
  /** Connections with a request under way: a parse error there can't be answered any more. */
  readonly #busy = new WeakSet<Duplex>()
  #closing = false

  constructor({ apps, node, log, bodyIdleMs }: ServerOptions) {
    this.#deps = { apps, node, log, followers: new Followers() }
    this.#bodyIdleMs = bodyIdleMs ?? BODY_IDLE_MS
  }

  async listen({ unix, tcp = [] }: ListenOptions): Promise<string[]> {
    const addresses: string[] = []
    const open = async (bind: (server: Server) => Promise<string>): Promise<void> => {
      const server = this.#newServer()
      addresses.push(await bind(server))
      this.#servers.add(server)
      // Accepting can fail (EMFILE); an 'error' without a listener would end PID 1's life.
      server.on('error', (error) => this.#deps.log.error({ err: error }, 'management server'))
    }
    if (unix !== undefined) await open((server) => listenUnix(server, unix))
    for (const address of tcp) await open((server) => listenTcp(server, address))
    return addresses
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#deps.followers.endAll()
    for (const body of this.#bodies) body.destroy(shuttingDown())
    await Promise.all([...this.#servers].map(closeServer))
    this.#servers.clear()
  }

  #newServer(): Server {
    const server = createServer({
      requestTimeout: 0, // A push may take hours on a slow line; its body has an idle limit instead.
      headersTimeout: HEADERS_MS_MAX,
      connectionsCheckingInterval: HEADERS_MS_MAX / 2,
      maxHeaderSize: HEADER_BYTES_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_AFTER_MS,
      noDelay: true,
      requireHostHeader: false, // Node would answer it alone, without a problem document.
    })
    server.maxConnections = CONNECTIONS_MAX
    server.on('request', (request, response) => this.#take({ request, response }))
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) =>
      this.#take({ request, response, asksFirst: true }),
    )
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      const refusal = new AppError('expectation-failed', 'Only 100-continue can be expected.')
      this.#take({ request, response, asksFirst: true, refusal })
    })
    server.on('clientError', (error, socket) => this.#parseError(error, socket))
    return server
  }

  #take(arrival: Arrival): void {
    // The client may be gone at any write; 'close' tells the same, and is what we listen to.
    arrival.response.on('error', () => undefined)
    this.#answer(arrival).catch((error: unknown) => {
      this.#deps.log.error({ err: error }, 'BUG: a management answer failed')
      arrival.response.destroy()
    })
  }

  async #answer(arrival: Arrival): Promise<void> {
    const { request, response } = arrival
    const { socket } = request
    const startMs = performance.now()
    const invitation = new Invitation(arrival)
    const limits = { bytesMax: PACKED_BYTES_MAX, idleMs: this.#bodyIdleMs }
    const body = new RequestBody(request, limits, () => invitation.send())
    this.#bodies.add(body)
    this.#busy.add(socket)
    try {
      const reply = await this.#reply(arrival, body)
      // Progress before the first read: the client must be invited now, as 100 can't follow 200.
      if ('lines' in reply) invitation.send()
      if (this.#closing) response.setHeader('connection', 'close')
      await writeReply(reply, { request, response, body, invited: () => invitation.sent })
      this.#record(request, reply.status, startMs)
    } finally {
      this.#bodies.delete(body)
      this.#busy.delete(socket)
      body.destroy()
      request.resume() // What is left unread would hold up the connection's next request.
    }
  }

  async #reply({ request, refusal }: Arrival, body: RequestBody): Promise<Reply> {
    const error = this.#closing ? shuttingDown() : (refusal ?? hostRefusal(request))
    if (error !== undefined) return problemReply(failureOf(error, this.#deps.log))
    const { method = '', url = '', headers } = request
    return route(this.#deps, { method, url, headers, body })
  }

  /** What changes something is recorded; reading is not. */
  #record({ method, url }: IncomingMessage, status: number, startMs: number): void {
    if (method === 'GET' || method === 'HEAD') return
    const ms = Math.round(performance.now() - startMs)
    this.#deps.log.info({ method, url, status, ms }, 'management request')
  }

  #parseError(error: Error & { code?: string }, socket: Duplex): void {
    if (!socket.writable || this.#busy.has(socket)) {
      socket.destroy()
      return
    }
    const [code, detail] =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? ['headers-too-large', `The request's headers are over ${HEADER_BYTES_MAX} bytes.`]
        : ['bad-request', 'This is not an HTTP/1.1 request that can be read.']
    const problem = problemOf(code, detail)
    const text = `${JSON.stringify(problem)}\n`
    socket.end(
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nConnection: close\r\n` +
        `Content-Type: application/problem+json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    )
  }
}

/** RFC 9112, 3.2. */
function hostRefusal({ httpVersion, headers }: IncomingMessage): AppError | undefined {
  if (httpVersion !== '1.1' || headers.host !== undefined) return undefined
  return new AppError('bad-request', 'An HTTP/1.1 request must have a Host field.')
}

function shuttingDown(): AppError {
  return new AppError('shutting-down', 'The node is going down; try again when it is back.')
}

async function closeServer(server: Server): Promise<void> {
  const gone = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
  await gone
  clearTimeout(timer)
}
