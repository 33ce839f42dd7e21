// The journal of the logs, over the addon's calls.
import { writeSync } from 'node:fs'
import type { LogStream } from '../../protocol/api.ts'
import type { Native } from '../../sys/native.ts'
import { openPipe, type Pipe } from '../../sys/pipe.ts'
import { check } from '../../sys/sys-error.ts'
import type { Journal } from '../logs/journal.ts'
import { LINE_BYTES_MAX } from '../logs/line-splitter.ts'

const EAGAIN = -11
const EINTR = -4
const STREAMS: readonly LogStream[] = ['stdout', 'stderr']

export function nativeJournal(native: Native): Journal {
  let newlines: Pipe | null = null
  const about = new Float64Array(5)
  const line = Buffer.allocUnsafeSlow(LINE_BYTES_MAX)
  const number = (stream: LogStream): number => (stream === 'stdout' ? 0 : 1)
  const take: Journal['take'] = (fd, child, stream, wallMs, bytes) => {
    const count = native.logTake(fd, child, number(stream), wallMs, bytes)
    return count === EAGAIN || count === EINTR ? null : Math.max(count, 0)
  }
  return {
    take,
    takeNewline(child, stream, wallMs, bytes) {
      try {
        newlines ??= openPipe(native)
        writeSync(newlines.write, '\n')
      } catch {
        return 0 // No descriptor is left for a pipe.
      }
      return take(newlines.read, child, stream, wallMs, bytes)
    },
    batch: (fileSize, done) => void check(native.logBatch(fileSize, done), 'log'),
    commit: (child, stream, rest) =>
      void check(native.logCommit(child, number(stream), rest), 'log'),
    pending(bytes) {
      const count = check(native.logPending(bytes, about), 'log')
      if (count === 0) return null
      const [child = 0, stream = 0, wallMs = 0, fileSize = -1, done = 0] = about
      return { child, stream: STREAMS[stream] ?? 'stdout', wallMs, fileSize, done, count }
    },
    rest(child, stream) {
      const length = check(native.logRest(child, number(stream), line), 'log')
      return Uint8Array.from(line.subarray(0, length))
    },
  }
}
