// Cuts a stream of bytes into lines. Keeps at most one line's limit of bytes, and nothing between lines.

/** As in the CRI log format's other writers: a longer line is handed on in parts of this size. */
export const LINE_BYTES_MAX = 16 * 1024

/** `line` has no newline and is valid during the call only; `partial`: the line goes on in the next call. */
export type EmitLine = (line: Uint8Array, partial: boolean) => void

const NEWLINE = 0x0a

const NOTHING = Buffer.alloc(0)

export class LineSplitter {
  #rest: Buffer | null = null

  push(bytes: Uint8Array, emit: EmitLine): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let start = 0
    for (let nl = chunk.indexOf(NEWLINE); nl >= 0; nl = chunk.indexOf(NEWLINE, start)) {
      emit(emitParts(this.#joined(chunk.subarray(start, nl)), emit), false)
      this.#rest = null
      start = nl + 1
    }
    if (start === chunk.length) return
    const left = emitParts(this.#joined(chunk.subarray(start)), emit)
    this.#rest = Buffer.from(left) // A copy: the chunk is somebody's shared buffer.
  }

  /** What waits for its newline; empty when nothing does. */
  rest(): Uint8Array {
    return this.#rest ?? NOTHING
  }

  /** Goes on after such a rest. */
  restore(rest: Uint8Array): void {
    this.#rest = rest.length === 0 ? null : Buffer.from(rest)
  }

  #joined(bytes: Buffer): Buffer {
    return this.#rest === null ? bytes : Buffer.concat([this.#rest, bytes])
  }
}

/** Emits what is over the limit in parts and returns what is left. */
function emitParts(line: Buffer, emit: EmitLine): Buffer {
  let left = line
  while (left.length > LINE_BYTES_MAX) {
    const cut = characterBoundary(left, LINE_BYTES_MAX)
    emit(left.subarray(0, cut), true)
    left = left.subarray(cut)
  }
  return left
}

/** The last place at or before `at` that does not cut a UTF-8 sequence (of at most 4 bytes) in two. */
function characterBoundary(bytes: Uint8Array, at: number): number {
  for (let cut = at; cut > at - 4; cut--) if (((bytes[cut] ?? 0) & 0xc0) !== 0x80) return cut
  return at // Not UTF-8: cut anywhere.
}
