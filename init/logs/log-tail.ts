// The last lines of one log, in memory.
import type { LogLine } from '../../protocol/api.ts'

/** What a line in memory costs beside its characters: an object, its place in the list, a time. */
export const LINE_OVERHEAD_BYTES = 112

const cost = ({ line }: LogLine): number => line.length + LINE_OVERHEAD_BYTES

/** A class, as everything is that each app has: a node may have a thousand of them. */
export class LogTail {
  readonly #bytesMax: number
  #lines: LogLine[] = []
  #bytes = 0
  #pushed = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  push(line: LogLine): void {
    this.#pushed++
    this.#lines.push(line)
    this.#bytes += cost(line)
    // The newest is kept even when it alone is over the bound: a line is bounded itself.
    while (this.#bytes > this.#bytesMax && this.#lines.length > 1) {
      const oldest = this.#lines.shift()
      if (oldest !== undefined) this.#bytes -= cost(oldest)
    }
  }

  /** Counts lines that came and were never kept. */
  skip(count: number): void {
    this.#pushed += count
  }

  last(count: number): LogLine[] {
    return count <= 0 ? [] : this.#lines.slice(-count)
  }

  /** How many lines have ever been pushed. */
  mark(): number {
    return this.#pushed
  }

  clear(): void {
    this.#lines = []
    this.#bytes = 0
  }
}

/** What is not UTF-8 becomes U+FFFD here; the file keeps the bytes. */
export const decodeLine = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
