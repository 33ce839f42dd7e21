// A management server with fake apps on a Unix socket and a loopback port, for one test.
import { mkdtemp, rm } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createManagementServer, type ManagementServer } from '../../init/http/server.ts'
import { collect } from './collect.ts'
import { FakeApps, FakeLog } from './fake-apps.ts'
import { FakeNode } from './fake-node.ts'

export interface Answer {
  status: number
  headers: IncomingMessage['headers']
  text: string
  /** The text as JSON. */
  json(): unknown
  /** The text as NDJSON. */
  lines(): Record<string, unknown>[]
}

export class BenchNode implements AsyncDisposable {
  readonly apps = new FakeApps()
  readonly node = new FakeNode()
  readonly log = new FakeLog()
  readonly server: ManagementServer
  readonly directory: string
  readonly socketPath: string
  port = 0

  static async start(bodyIdleMs = 10_000): Promise<BenchNode> {
    const bench = new BenchNode(await mkdtemp(join(tmpdir(), 'manage-')), bodyIdleMs)
    const listening = await bench.server.listen({
      unix: bench.socketPath,
      tcp: [{ host: '127.0.0.1', port: 0 }],
    })
    bench.port = Number(listening[1]?.split(':')[1])
    return bench
  }

  private constructor(directory: string, bodyIdleMs: number) {
    this.directory = directory
    this.socketPath = join(directory, 'run', 'manage.sock')
    const { apps, node, log } = this
    this.server = createManagementServer({ apps, node, log, bodyIdleMs })
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close()
    await rm(this.directory, { recursive: true, force: true })
  }

  /** One whole exchange over TCP. */
  async fetch(method: string, path: string, options: RequestOptions = {}, body?: Buffer) {
    const request = httpRequest({
      ...{ host: '127.0.0.1', port: this.port, method, path, agent: false },
      ...options,
    })
    request.end(body)
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).on('error', reject)
    })
    return answerOf(response)
  }

  /** A bare connection, for what no HTTP client would do. */
  raw(text: string): Socket {
    const socket = connect(this.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(text)
    return socket
  }
}

export async function answerOf(response: IncomingMessage): Promise<Answer> {
  const text = Buffer.concat(await collect(response as AsyncIterable<Buffer>)).toString()
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    json: () => JSON.parse(text) as unknown,
    lines: () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  }
}

/** All that comes until the other side closes, also when it resets. */
export async function untilClosed(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  return text
}
