// Talks to one node's management server over node:http, by TCP, a Unix socket, or a tunnel to one.
import { request as httpRequest } from 'node:http'
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, RequestOptions } from 'node:http'
import type { Socket } from 'node:net'
import type { Decoder } from '../protocol/decode.ts'
import { ProtocolError } from '../protocol/decode.ts'
import { LINE_BYTES_MAX, parseJson, readNdjson } from '../protocol/ndjson.ts'
import { VERSION } from '../protocol/version.ts'
import { problemReport } from '../protocol/wire.ts'
import { CloudError, errorCode, ExitCode, problemError } from './errors.ts'
import { LOCAL_SOCKET, type NodeAddress, type SshAddress } from './node-address.ts'

export interface Timeouts {
  connectMs: number
  /** Nothing moved in either direction. The node sends a sign of life every 15 s while it streams. */
  silentMs: number
  /** An answer without a stream: a stop may take its grace, and the deletion of a large tree. */
  answerMs: number
}
export const TIMEOUTS: Timeouts = { connectMs: 10_000, silentMs: 60_000, answerMs: 300_000 }

const SECOND_LOOK_MS = 500
const ANSWER_BYTES_MAX = 16 * LINE_BYTES_MAX

export interface Answer<T> {
  value: T
  /** The node's clock: it may differ from ours. */
  nodeNowMs: number
}

export interface Tunnels {
  /** The path of a Unix socket that leads to the node's; opens the way when there is none. Throws CloudError. */
  socketTo(address: SshAddress): Promise<string>
}

export class NodeClient {
  readonly address: NodeAddress
  readonly #tunnels: Tunnels
  readonly #timeouts: Timeouts

  constructor(address: NodeAddress, tunnels: Tunnels, timeouts: Timeouts = TIMEOUTS) {
    this.address = address
    this.#tunnels = tunnels
    this.#timeouts = timeouts
  }

  /** Another client of the same node, by the same way. */
  withTimeouts(timeouts: Timeouts): NodeClient {
    return new NodeClient(this.address, this.#tunnels, timeouts)
  }

  /** One JSON answer. Throws CloudError. */
  async ask<T>(method: string, path: string, decode: Decoder<T>): Promise<Answer<T>> {
    const response = await this.#send(method, path)
    return this.guard(async () => ({
      value: decode(await readJson(response), 'the answer'),
      nodeNowMs: Date.parse(response.headers.date ?? '') || Date.now(),
    }))
  }

  /** An answer without a body of interest. */
  async tell(method: string, path: string): Promise<void> {
    const response = await this.#send(method, path)
    await this.guard(() => discard(response))
  }

  /** An NDJSON answer, line by line. Ending the iteration early closes the connection. */
  async *stream<T>(method: string, path: string, decode: Decoder<T>): AsyncGenerator<T> {
    yield* this.lines(await this.#send(method, path), decode)
  }

  /** The lines of an answer that has begun. */
  async *lines<T>(response: IncomingMessage, decode: Decoder<T>): AsyncGenerator<T> {
    this.#watchSilence(response.socket, this.#timeouts.silentMs, (error) => response.destroy(error))
    try {
      for await (const value of readNdjson(response)) yield decode(value, 'a line')
    } catch (error) {
      throw this.translate(error)
    } finally {
      response.destroy()
    }
  }

  /** An answer of another type than JSON, piece by piece; whole when it ends without an error. */
  async *bytes(path: string, type: string): AsyncGenerator<Buffer> {
    const response = await this.#send('GET', path)
    this.#watchSilence(response.socket, this.#timeouts.silentMs, (error) => response.destroy(error))
    try {
      if (response.headers['content-type'] !== type) throw new ProtocolError(`it is no ${type}`)
      for await (const chunk of response as AsyncIterable<Buffer>) yield chunk
    } catch (error) {
      throw this.translate(error)
    } finally {
      response.destroy()
    }
  }

  /** Makes sure of the way there, which may ask the person for a passphrase. Throws CloudError. */
  async reach(): Promise<RequestOptions> {
    const { address } = this
    if (address.kind === 'tcp') return { host: address.host, port: address.port }
    if (address.kind === 'unix') return { socketPath: address.path }
    return { socketPath: await this.#tunnels.socketTo(address) }
  }

  /** Opens a request; the caller sends the body. `answerOf` gives the answer. Throws CloudError. */
  async open(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders = {},
  ): Promise<ClientRequest> {
    const target = await this.reach()
    // A node on trial takes it as the proof that whoever installed it can manage it.
    const all = { 'user-agent': `cloud/${VERSION}`, ...headers }
    const request = httpRequest({ ...target, method, path, headers: all, agent: false })
    const { connectMs } = this.#timeouts
    const timer = setTimeout(() => request.destroy(this.#noConnection(connectMs)), connectMs)
    request.once('socket', (socket) => socket.once('connect', () => clearTimeout(timer)))
    request.once('close', () => clearTimeout(timer))
    return request
  }

  /** Resolves with a successful answer's head. Throws CloudError: the node's problem, or the connection's. */
  async answerOf(request: ClientRequest, silentMs: number): Promise<IncomingMessage> {
    const silent = (error: CloudError) => request.destroy(error)
    request.once('socket', (socket) => this.#watchSilence(socket, silentMs, silent))
    return this.guard(async () => {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        request.once('response', resolve)
        // Stays: an upload may break after the answer has come.
        request.on('error', (error) => reject(this.#nothingBehind(request, error) ?? error))
      })
      response.socket.removeAllListeners('timeout')
      if ((response.statusCode ?? 0) < 300) return response
      throw await refusal(response)
    })
  }

  /** Runs `work`, with every error in the operator's words. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.translate(error)
    }
  }

  translate(error: unknown): unknown {
    if (error instanceof CloudError) return error
    const { text } = this.address
    if (error instanceof ProtocolError) {
      const detail = `${text} does not answer as a solocloud node: ${error.message}; is the port right?`
      return new CloudError(ExitCode.unreachable, 'not-a-node', detail)
    }
    const code = errorCode(error)
    const sentence = code.startsWith('HPE_') ? NOT_HTTP : (SENTENCES[code] ?? null)
    if (sentence === null) return error
    return new CloudError(ExitCode.unreachable, 'unreachable', `${text}: ${sentence}`)
  }

  /** A tunnel takes every connection, and ends it when the far end has nobody for it. */
  #nothingBehind({ socket }: ClientRequest, error: Error): CloudError | null {
    const ended = ['ECONNRESET', 'EPIPE'].includes(errorCode(error))
    if (this.address.kind !== 'ssh' || !ended || (socket?.bytesRead ?? 0) > 0) return null
    return new CloudError(ExitCode.unreachable, 'unreachable', `${this.address.text}: ${NOBODY}`)
  }

  async #send(method: string, path: string): Promise<IncomingMessage> {
    const request = await this.open(method, path)
    request.end()
    return this.answerOf(request, this.#timeouts.answerMs)
  }

  /** Calls `give` when nothing moved for `ms`. */
  #watchSilence(socket: Socket, ms: number, give: (error: CloudError) => void): void {
    const detail = `${this.address.text} has not answered for ${Math.round(ms / 1000)} s; is it still up?`
    socket.setTimeout(ms, () => {
      // A pager or Ctrl-Z can stop this process for hours, and what came meanwhile is read only after
      // the timers: so look once more.
      const { bytesRead } = socket
      setTimeout(() => {
        if (socket.bytesRead === bytesRead && !socket.destroyed) {
          give(new CloudError(ExitCode.unreachable, 'unreachable', detail))
        }
      }, SECOND_LOOK_MS)
    })
  }

  #noConnection(ms: number): CloudError {
    const detail = `${this.address.text}: no connection within ${ms / 1000} s; check the address and the firewall.`
    return new CloudError(ExitCode.unreachable, 'unreachable', detail)
  }
}

const NOBODY =
  `ssh got there, but nobody answers at ${LOCAL_SOCKET}; ` +
  'is solocloud PID 1 there, and may this user open the socket?'
const NOT_HTTP = 'what answers there does not speak HTTP; is the port right?'
const BROKE = 'the connection broke before the answer; look with `cloud ps` what has happened.'
const NO_ROUTE = 'there is no way to this host; check the address and your network.'

/** Codes of Node's network errors. */
const SENTENCES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there; is the node up, and the port right?',
  ENOENT: 'there is no such socket; is this a running node, or the path right?',
  EACCES: "this socket is not yours to open; are you the node's root?",
  ENOTFOUND: 'this host name is unknown; check its spelling.',
  EAI_AGAIN: 'the name server does not answer; try an IP address.',
  ETIMEDOUT: 'no answer; check the address and the firewall.',
  EHOSTUNREACH: NO_ROUTE,
  ENETUNREACH: NO_ROUTE,
  EADDRNOTAVAIL: NO_ROUTE,
  ECONNRESET: BROKE,
  ERR_STREAM_PREMATURE_CLOSE: BROKE,
  EPIPE: BROKE,
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new ProtocolError('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  return parseJson(await readText(response), 'the answer')
}

async function discard(response: IncomingMessage): Promise<void> {
  await readText(response)
}

async function refusal(response: IncomingMessage): Promise<CloudError> {
  const type = response.headers['content-type'] ?? ''
  if (!type.startsWith('application/problem+json')) {
    response.destroy()
    throw new ProtocolError(`it answered HTTP ${response.statusCode ?? 0} without saying why`)
  }
  const { problem, logs } = problemReport(await readJson(response), 'the answer')
  return problemError(problem, logs)
}
