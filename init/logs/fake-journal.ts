// For tests: a journal over memory that outlives a death, and pipes that a test fills.
import { emptyLogMemory, fakeLogCalls, type LogMemory } from '../../sys/fake-life.ts'
import { fakeNative } from '../../sys/fake-native.ts'
import { nativeJournal, type Journal } from './journal.ts'

const EAGAIN = -11
/** No real descriptor: where a newline of our own comes from. */
const NEWLINES = -2

export class FakePipes {
  readonly #waiting = new Map<number, Buffer>()

  say(fd: number, bytes: Uint8Array): void {
    this.#waiting.set(fd, Buffer.concat([this.#waiting.get(fd) ?? Buffer.alloc(0), bytes]))
  }
  waits(fd: number): number {
    return this.#waiting.get(fd)?.length ?? 0
  }
  read(fd: number, bytes: Uint8Array): number {
    const waiting = this.#waiting.get(fd)
    if (waiting === undefined || waiting.length === 0) return EAGAIN
    const count = Math.min(waiting.length, bytes.length)
    bytes.set(waiting.subarray(0, count))
    this.#waiting.set(fd, waiting.subarray(count))
    return count
  }
}

/** The journal of one life. The next has another one over the same memory and pipes. */
export function fakeJournal(pipes: FakePipes, memory: LogMemory = emptyLogMemory()): Journal {
  const native = fakeNative(fakeLogCalls(memory, (fd, bytes) => pipes.read(fd, bytes)))
  const journal = nativeJournal(native)
  return {
    ...journal,
    takeNewline(child, stream, wallMs, bytes) {
      pipes.say(NEWLINES, Buffer.from('\n'))
      return journal.take(NEWLINES, child, stream, wallMs, bytes)
    },
  }
}
