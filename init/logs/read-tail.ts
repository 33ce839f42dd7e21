// The last lines of a log on disk, read from its end; memory and work are bounded whatever the log's size.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { LogLine } from '../../protocol/api.ts'
import { parseCriLine } from './cri.ts'
import { rotatedPath } from './log-file.ts'

const CHUNK_BYTES = 64 * 1024

/** The last `count` lines, oldest first, out of at most the last `bytesMax` bytes. */
export function readTail(
  path: string,
  filesMax: number,
  count: number,
  bytesMax: number,
): LogLine[] {
  const newestFirst: LogLine[] = []
  let left = bytesMax
  for (let index = 0; index < filesMax && newestFirst.length < count && left > 0; index++) {
    const read = readBackwards(rotatedPath(path, index), left, (text) => {
      const line = parseCriLine(text)
      if (line !== null) newestFirst.push(line)
      return newestFirst.length < count
    })
    if (read === null) break
    left -= read
  }
  return newestFirst.reverse()
}

/** Calls `line` for each whole line, last first, until it returns false. Bytes read, or null: no such file. */
function readBackwards(
  path: string,
  bytesMax: number,
  line: (text: string) => boolean,
): number | null {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return null // Not there, or not readable: the tail ends here.
  }
  try {
    const size = fstatSync(fd).size
    const first = Math.max(0, size - bytesMax)
    let rest: Buffer = Buffer.alloc(0)
    for (let end = size; end > first;) {
      const start = Math.max(first, end - CHUNK_BYTES)
      const chunk = Buffer.alloc(end - start)
      readSync(fd, chunk, 0, chunk.length, start)
      end = start
      const lines = splitLines(Buffer.concat([chunk, rest]))
      // The first one begins in the chunk before, unless this is the file's beginning.
      rest = start === 0 ? Buffer.alloc(0) : (lines.shift() ?? rest)
      for (const bytes of lines.reverse())
        if (bytes.length > 0 && !line(bytes.toString())) return size - start
    }
    return size - first
  } finally {
    closeSync(fd)
  }
}

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  let start = 0
  for (let nl = bytes.indexOf(0x0a); nl >= 0; nl = bytes.indexOf(0x0a, start)) {
    lines.push(bytes.subarray(start, nl))
    start = nl + 1
  }
  lines.push(bytes.subarray(start))
  return lines
}
