// Fuzz target: the management API. The real server with apps that have no processes, on a real Unix socket;
// an input is what clients do to it, byte by byte.
import { connect, type Socket } from 'node:net'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import type { BenchNode } from '../http/bench-node.ts'
import { HTTP_DICTIONARY, HTTP_SEEDS } from './http-seeds.ts'
import { answersOf } from './http-answers.ts'
import { must, type OpenTarget, type Target } from './target.ts'

const ACTS_MAX = 12
const CONNECTIONS_MAX = 4
const SLOW_BYTES_MAX = 64
/** Nothing moves for so many turns of the event loop: everybody has said what they have to say. */
const QUIET_TURNS = 12
const TURNS_MAX = 400
/** How long the server may take to let go of a client that has gone. */
const REST_MS_MAX = 3000
const BODY_IDLE_MS = 40

export const HTTP_TARGET: Target = {
  sources: ['init/http/', 'protocol/app-name.ts'],
  seeds: () => Promise.resolve(HTTP_SEEDS.map((text) => Buffer.from(text, 'latin1'))),
  dictionary: HTTP_DICTIONARY,
  bytesMax: 12 * 1024,
  batch: 8,
  async open(): Promise<OpenTarget> {
    const { BenchNode } = await import('../http/bench-node.ts')
    const { AppError } = await import('../../init/supervisor/apps.ts')
    const bench = await BenchNode.start(BODY_IDLE_MS)
    const target = new HttpTarget(bench, (error) => error instanceof AppError)
    // What the first connection of a process leaves (caches, timers) is no leak.
    await target.run(Buffer.from(HTTP_SEEDS[0] ?? ''))
    return target
  },
}

/** A client's end of a connection. */
class Client {
  readonly socket: Socket
  received = Buffer.alloc(0)
  closed = false

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: true })
    this.socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk])
    })
    this.socket.on('error', () => undefined)
    this.socket.on('close', () => {
      this.closed = true
    })
  }

  write(bytes: Buffer): void {
    if (bytes.length > 0 && this.socket.writable) this.socket.write(bytes)
  }

  leave(): void {
    this.socket.resume()
    if (this.socket.writable) this.socket.end()
  }
}

class HttpTarget implements OpenTarget {
  readonly #bench: BenchNode
  readonly #isTyped: (error: unknown) => boolean

  constructor(bench: BenchNode, isTyped: (error: unknown) => boolean) {
    this.#bench = bench
    this.#isTyped = isTyped
  }

  async run(input: Buffer): Promise<string> {
    this.#reset()
    const before = held()
    const clients = await this.#perform(input)
    await quiet(clients)
    for (const client of clients) client.leave()
    await this.#rest(clients, before)
    this.#checkBench()
    return clients.map(({ received }) => [...new Set(answersOf(received))].join()).join(', ')
  }

  close(): Promise<void> {
    return this.#bench[Symbol.asyncDispose]()
  }

  #reset(): void {
    const { apps } = this.#bench
    apps.apps.clear()
    apps.lines.clear()
    apps.failures.length = 0
    apps.add('web', { previousGeneration: 1 })
    for (const line of ['one', 'two']) apps.write('web', line)
  }

  /** Acts begin with the byte 0x1e and a letter, and what is written follows; the first has no letter. */
  async #perform(input: Buffer): Promise<Client[]> {
    const [first = '', ...acts] = input.toString('latin1').split('\x1e').slice(0, ACTS_MAX)
    const clients = [this.#connect()]
    clients[0]?.write(Buffer.from(first, 'latin1'))
    for (const act of acts) {
      await this.#act(act[0] ?? '', Buffer.from(act.slice(1), 'latin1'), clients)
    }
    return clients
  }

  async #act(letter: string, bytes: Buffer, clients: Client[]): Promise<void> {
    if (letter === 'n' && clients.length < CONNECTIONS_MAX) clients.push(this.#connect())
    const client = clients.at(-1)
    if (client === undefined) throw new Error('BUG: no client')
    if (letter === 'p') await sleep(2)
    else if (letter === 'z') await sleep(BODY_IDLE_MS + 10)
    else if (letter === 'w') this.#bench.apps.write('web', bytes.toString('latin1'))
    else if (letter === 's') client.socket.pause()
    else if (letter === 'd') client.socket.destroy()
    else if (letter === 'e') client.socket.end()
    if (letter === 'b') await byteByByte(client, bytes)
    else if (letter !== 'w') client.write(bytes)
    await turn()
  }

  #connect(): Client {
    return new Client(this.#bench.socketPath)
  }

  /** Waits until nothing is left of these connections in the server. */
  async #rest(clients: readonly Client[], before: string): Promise<void> {
    const { apps } = this.#bench
    const atRest = (): boolean =>
      clients.every(({ closed }) => closed) &&
      apps.concurrent === 0 &&
      apps.followers('web') === 0 &&
      held() === before
    const endMs = performance.now() + REST_MS_MAX
    for (let turns = 0; !atRest() && performance.now() < endMs; turns++) {
      await (turns < TURNS_MAX ? turn() : sleep(5))
    }
    const open = clients.filter(({ closed }) => !closed).length
    for (const { socket } of clients) socket.destroy()
    must(open === 0, `${open} connections stay open after their clients have gone`)
    must(apps.concurrent === 0, 'a push goes on without its client')
    must(apps.followers('web') === 0, "a log's follower has gone and is still told")
    must(held() === before, `left open: ${held()}; before: ${before}`)
  }

  #checkBench(): void {
    const { apps, log } = this.#bench
    const [bug] = log.errors
    must(bug === undefined, `logged as an error: ${describe(bug)}`)
    for (const failure of apps.failures) if (!this.#isTyped(failure)) throw failure
  }
}

/** What of the network and of timers keeps this process alive. */
function held(): string {
  const kinds = process.getActiveResourcesInfo()
  return kinds
    .filter((kind) => /Wrap$|^Timeout$/.test(kind))
    .toSorted()
    .join(' ')
}

async function byteByByte(client: Client, bytes: Buffer): Promise<void> {
  for (const byte of bytes.subarray(0, SLOW_BYTES_MAX)) {
    client.write(Buffer.of(byte))
    await turn()
  }
  client.write(bytes.subarray(SLOW_BYTES_MAX))
}

async function quiet(clients: readonly Client[]): Promise<void> {
  const seen = () =>
    clients.reduce((sum, { received, closed }) => sum + received.length + +closed, 0)
  let last = seen()
  for (let still = 0, turns = 0; still < QUIET_TURNS && turns < TURNS_MAX; turns++) {
    await turn()
    const now = seen()
    still = now === last ? still + 1 : 0
    last = now
  }
}

function describe(bug: object | undefined): string {
  const error = (bug as { err?: unknown } | undefined)?.err
  return error instanceof Error ? (error.stack ?? error.message) : JSON.stringify(bug)
}
