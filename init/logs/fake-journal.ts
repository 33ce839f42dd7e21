// For tests: a journal over memory that outlives a death, and pipes that a test fills.
import type { LogStream } from '../../protocol/api.ts'
import type { Journal, Pending } from './journal.ts'

export class FakePipes {
  readonly #waiting = new Map<number, Buffer>()

  say(fd: number, bytes: Uint8Array): void {
    this.#waiting.set(fd, Buffer.concat([this.#waiting.get(fd) ?? Buffer.alloc(0), bytes]))
  }
  waits(fd: number): number {
    return this.#waiting.get(fd)?.length ?? 0
  }
  /** null when nothing waits. */
  take(fd: number, bytesMax: number): Buffer | null {
    const waiting = this.#waiting.get(fd)
    if (waiting === undefined || waiting.length === 0) return null
    this.#waiting.set(fd, waiting.subarray(bytesMax))
    return waiting.subarray(0, bytesMax)
  }
}

/** What a death leaves. */
export interface JournalMemory {
  chunk: (Omit<Pending, 'count'> & { bytes: Uint8Array }) | null
  rests: Map<string, Uint8Array>
}

export const emptyJournal = (): JournalMemory => ({ chunk: null, rests: new Map() })

/** The journal of one life. The next has another one over the same memory and pipes. */
export function fakeJournal(pipes: FakePipes, memory: JournalMemory = emptyJournal()): Journal {
  const key = (child: number, stream: LogStream): string => `${child} ${stream}`
  const keep = (
    from: Uint8Array,
    about: Pick<Pending, 'child' | 'stream' | 'wallMs'>,
    bytes: Uint8Array,
  ): number => {
    memory.chunk = { ...about, fileSize: -1, done: 0, bytes: from.slice() }
    bytes.set(from)
    return from.length
  }
  return {
    take(fd, child, stream, wallMs, bytes) {
      const taken = pipes.take(fd, bytes.length)
      return taken === null ? null : keep(taken, { child, stream, wallMs }, bytes)
    },
    takeNewline: (child, stream, wallMs, bytes) =>
      keep(Uint8Array.of(0x0a), { child, stream, wallMs }, bytes),
    batch(fileSize, done) {
      if (memory.chunk !== null) Object.assign(memory.chunk, { fileSize, done })
    },
    commit(child, stream, rest) {
      memory.rests.set(key(child, stream), rest.slice())
      memory.chunk = null
    },
    pending(bytes) {
      if (memory.chunk === null) return null
      bytes.set(memory.chunk.bytes)
      return { ...memory.chunk, count: memory.chunk.bytes.length }
    },
    rest: (child, stream) => memory.rests.get(key(child, stream)) ?? new Uint8Array(),
  }
}
