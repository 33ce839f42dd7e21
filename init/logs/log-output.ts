// Writes what a chunk of a log becomes to its file, in batches, so that after a death at any moment the next
// life knows how much of it is there. The same chunk after the same rest always gives the same bytes.
import type { Journal } from './journal.ts'
import type { LogFile, Loss } from './log-file.ts'

/** How far the life before had come with a chunk. */
export interface Begun {
  /** Bytes of the output that are dealt with for good. */
  done: number
  /** Where in the file the batch after these begins; -1: it was not begun. */
  fileSize: number
}

export const NOT_BEGUN: Begun = { done: 0, fileSize: -1 }

/** What is lost, so that a batch that is done again counts its lines once. */
export interface SavedLoss {
  /** After the first `upTo` bytes of the chunk under way, or once it is committed; and before that. */
  now: Loss | null
  before: Loss | null
  upTo: number
}

export interface Output {
  /** Appends a line; a batch that is full goes to the file. */
  line(prefix: Uint8Array, bytes: Uint8Array): void
  /** The rest goes to the file. */
  end(): void
}

export interface OutputOptions {
  file: LogFile
  journal: Journal
  /** Shared by all logs, for each batch is written before the call returns. */
  batch: Buffer
  begun: Begun
  saveLoss: (loss: SavedLoss) => void
}

const NEWLINE = 0x0a

export function createOutput({ file, journal, batch, begun, saveLoss }: OutputOptions): Output {
  /** Where the batch begins in the chunk's output. */
  let from = 0
  let length = 0
  let resumeAt = begun.fileSize

  const write = (lines: Uint8Array): void => {
    const first = Math.max(from, begun.done)
    const left = lines.subarray(first - from)
    if (left.length === 0) return
    const before = file.loss()
    if (resumeAt >= 0) file.resume(left, resumeAt)
    else {
      // Before a rotation: after it, where the batch before began would say nothing.
      if (first > 0) journal.batch(-1, first)
      file.append(left, (fileSize) => journal.batch(fileSize, first))
    }
    resumeAt = -1
    const now = file.loss()
    if (now !== before) saveLoss({ now, before, upTo: from + lines.length })
  }
  const end = (): void => {
    if (length === 0) return
    write(batch.subarray(0, length))
    from += length
    length = 0
  }
  return {
    line(prefix, bytes) {
      if (length + prefix.length + bytes.length + 1 > batch.length) end()
      batch.set(prefix, length)
      batch.set(bytes, length + prefix.length)
      length += prefix.length + bytes.length
      batch[length++] = NEWLINE
    },
    end,
  }
}
