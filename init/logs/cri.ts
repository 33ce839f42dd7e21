// The CRI log format of Kubernetes (kubernetes/design-proposals, node/kubelet-cri-logging.md), so that every
// log shipper can read our files: `<RFC3339Nano> <stdout|stderr> <F|P> <line>`. P: the line goes on.
// The line's bytes are the app's own, whether UTF-8 or not.
import type { LogLine, LogStream } from '../../protocol/api.ts'

/** `at` is what `Date.toISOString` gives. */
export const criPrefix = (at: string, stream: LogStream, partial: boolean): string =>
  `${at.slice(0, -1)}000000Z ${stream} ${partial ? 'P' : 'F'} `

const PATTERN = /^(\S+?)(?:000000)?Z (stdout|stderr) [FP] (.*)$/s

/** A part of a long line is a line of its own here. null: a torn line, as a power cut leaves it. */
export function parseCriLine(text: string): LogLine | null {
  const match = PATTERN.exec(text)
  if (match === null) return null
  const [, time = '', stream, line = ''] = match
  return { at: `${time}Z`, stream: stream === 'stderr' ? 'stderr' : 'stdout', line }
}
