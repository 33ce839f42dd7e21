// QEMU's machine protocol: commands with their answers, and events (docs/interop/qmp-spec.txt).
import { createInterface } from 'node:readline'
import type { Duplex } from 'node:stream'

export interface QmpEvent {
  event: string
  data: Readonly<Record<string, unknown>>
}

interface Message {
  id?: number
  return?: unknown
  error?: { desc: string }
  event?: string
  data?: Record<string, unknown>
}

interface Pending {
  resolve: (value: unknown) => void
  reject: (error: Error) => void
}

export class Qmp {
  readonly #stream: Duplex
  readonly #pending = new Map<number, Pending>()
  readonly #onEvent: (event: QmpEvent) => void
  #lastId = 0
  #closed = false

  constructor(stream: Duplex, onEvent: (event: QmpEvent) => void) {
    this.#stream = stream
    this.#onEvent = onEvent
    // QEMU's end is reported by its exit; here only the unanswered commands must learn of it.
    stream.on('error', () => undefined)
    stream.on('close', () => this.#close())
    createInterface({ input: stream })
      .on('line', (line) => this.#take(JSON.parse(line) as Message))
      // It passes the stream's own on.
      .on('error', () => undefined)
  }

  /** Sends a command and waits for its answer. Rejects with QEMU's words, or when QEMU ends. */
  async execute(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    if (this.#closed) throw new Error(`${command}: QEMU has ended`)
    const id = ++this.#lastId
    const answer = new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }))
    this.#stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`)
    return answer
  }

  #take(message: Message): void {
    if (message.event !== undefined) {
      this.#onEvent({ event: message.event, data: message.data ?? {} })
      return
    }
    const pending = this.#pending.get(message.id ?? 0)
    if (pending === undefined) return // The greeting has no id.
    this.#pending.delete(message.id ?? 0)
    if (message.error === undefined) pending.resolve(message.return)
    else pending.reject(new Error(`QEMU: ${message.error.desc}`))
  }

  #close(): void {
    this.#closed = true
    for (const { reject } of this.#pending.values()) reject(new Error('QEMU has ended'))
    this.#pending.clear()
  }
}
