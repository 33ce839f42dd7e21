// Cuts a stream of bytes into lines. Keeps at most one line's limit of bytes, and nothing between lines.

/** As in the CRI log format's other writers: a longer line is handed on in parts of this size. */
export const LINE_BYTES_MAX = 16 * 1024

/** `line` has no newline and is valid during the call only; `partial`: the line goes on in the next call. */
export type EmitLine = (line: Uint8Array, partial: boolean) => void

const NEWLINE = 0x0a

export interface LineSplitter {
  push(bytes: Uint8Array, emit: EmitLine): void
  /** What waits for its newline; empty when nothing does. */
  rest(): Uint8Array
  /** Goes on after such a rest. */
  restore(rest: Uint8Array): void
}

const NOTHING = Buffer.alloc(0)

export function createLineSplitter(): LineSplitter {
  let rest: Buffer | null = null

  /** Emits what is over the limit in parts and returns what is left. */
  const parts = (line: Buffer, emit: EmitLine): Buffer => {
    let left = line
    while (left.length > LINE_BYTES_MAX) {
      const cut = characterBoundary(left, LINE_BYTES_MAX)
      emit(left.subarray(0, cut), true)
      left = left.subarray(cut)
    }
    return left
  }
  const joined = (bytes: Buffer): Buffer => (rest === null ? bytes : Buffer.concat([rest, bytes]))

  return {
    push(bytes, emit) {
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      let start = 0
      for (let nl = chunk.indexOf(NEWLINE); nl >= 0; nl = chunk.indexOf(NEWLINE, start)) {
        emit(parts(joined(chunk.subarray(start, nl)), emit), false)
        rest = null
        start = nl + 1
      }
      if (start === chunk.length) return
      const left = parts(joined(chunk.subarray(start)), emit)
      rest = Buffer.from(left) // A copy: the chunk is somebody's shared buffer.
    },
    rest: () => rest ?? NOTHING,
    restore(bytes) {
      rest = bytes.length === 0 ? null : Buffer.from(bytes)
    },
  }
}

/** The last place at or before `at` that does not cut a UTF-8 sequence (of at most 4 bytes) in two. */
function characterBoundary(bytes: Uint8Array, at: number): number {
  for (let cut = at; cut > at - 4; cut--) if (((bytes[cut] ?? 0) & 0xc0) !== 0x80) return cut
  return at // Not UTF-8: cut anywhere.
}
