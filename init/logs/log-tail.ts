// The last lines of one log, in memory.
import type { LogLine } from '../../protocol/api.ts'

/** What a line in memory costs beside its characters. */
export const LINE_OVERHEAD_BYTES = 64

export interface LogTail {
  push(line: LogLine): void
  /** Counts lines that came and were never kept. */
  skip(count: number): void
  last(count: number): LogLine[]
  /** How many lines have ever been pushed. */
  mark: () => number
  clear(): void
}

export function createLogTail(bytesMax: number): LogTail {
  let lines: LogLine[] = []
  let bytes = 0
  let pushed = 0
  const cost = ({ line }: LogLine): number => line.length + LINE_OVERHEAD_BYTES
  return {
    push(line) {
      pushed++
      lines.push(line)
      bytes += cost(line)
      // The newest is kept even when it alone is over the bound: a line is bounded itself.
      while (bytes > bytesMax && lines.length > 1) {
        const oldest = lines.shift()
        if (oldest !== undefined) bytes -= cost(oldest)
      }
    },
    skip(count) {
      pushed += count
    },
    last: (count) => (count <= 0 ? [] : lines.slice(-count)),
    mark: () => pushed,
    clear() {
      lines = []
      bytes = 0
    },
  }
}

/** What is not UTF-8 becomes U+FFFD here; the file keeps the bytes. */
export const decodeLine = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
