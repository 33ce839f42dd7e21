// Newline-delimited JSON: a reader whose memory is bounded, whatever the other side sends.
import { ProtocolError } from './decode.ts'

/** A longer line is refused. An app's log line is far shorter; an `error` event carries a few of them. */
export const LINE_BYTES_MAX = 1024 * 1024

const NEWLINE = 0x0a

/** Cuts a byte stream into lines. Push chunks in; whole lines come out, without their newline. */
export class LineSplitter {
  #parts: Uint8Array[] = []
  #bytes = 0
  readonly #bytesMax: number

  constructor(bytesMax = LINE_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  /** The lines that `chunk` completes. Throws ProtocolError when one is over the limit. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end))
      lines.push(this.#take())
      start = end + 1
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start))
    return lines
  }

  /** True when bytes wait for a newline that has not come. */
  get partial(): boolean {
    return this.#bytes > 0
  }

  #keep(part: Uint8Array): void {
    this.#bytes += part.length
    if (this.#bytes > this.#bytesMax) {
      throw new ProtocolError(`a line is longer than ${this.#bytesMax} bytes`)
    }
    this.#parts.push(part)
  }

  #take(): string {
    // Decoded as a whole line: a character may lie across two chunks.
    const line = Buffer.concat(this.#parts, this.#bytes).toString('utf8')
    this.#parts = []
    this.#bytes = 0
    return line
  }
}

export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ProtocolError(`${what} is not JSON`)
  }
}

/**
 * The values of an NDJSON stream. Empty lines are skipped: they are the sender's sign of life.
 * Throws ProtocolError for a line over `bytesMax`, one that is not JSON, and a last line without its
 * newline, which is one that was cut off.
 */
export async function* readNdjson(
  source: AsyncIterable<Uint8Array>,
  bytesMax = LINE_BYTES_MAX,
): AsyncGenerator {
  const splitter = new LineSplitter(bytesMax)
  for await (const chunk of source) {
    for (const line of splitter.push(chunk)) {
      if (line.trim() !== '') yield parseJson(line, 'a line')
    }
  }
  if (splitter.partial) throw new ProtocolError('the last line was cut off')
}
