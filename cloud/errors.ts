// What `cloud` tells when it can't do what it was asked: a sentence, what to do next, an exit code.
import type { LogLine, Problem } from '../protocol/api.ts'

/** Documented in `cloud --help`. */
export const ExitCode = {
  ok: 0,
  /** The node, or this machine, could not do it. */
  failed: 1,
  usage: 2,
  /** No connection, or it broke before the answer. */
  unreachable: 3,
  noSuchApp: 4,
  /** Whoever read our output went away, as a process that SIGPIPE ended. */
  brokenPipe: 141,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

export class CloudError extends Error {
  override readonly name = 'CloudError'
  readonly exitCode: ExitCode
  /** Stable, for programs. */
  readonly code: string
  /** The app's last log lines, where the node sent them. */
  readonly logs: readonly LogLine[]

  constructor(exitCode: ExitCode, code: string, message: string, logs: readonly LogLine[] = []) {
    super(message)
    this.exitCode = exitCode
    this.code = code
    this.logs = logs
  }
}

export function usageError(message: string): CloudError {
  return new CloudError(ExitCode.usage, 'usage', message)
}

/** The node's own words: its `detail` says what to do next. */
export function problemError(problem: Problem, logs: readonly LogLine[]): CloudError {
  const exitCode = problem.code === 'no-such-app' ? ExitCode.noSuchApp : ExitCode.failed
  return new CloudError(exitCode, problem.code, problem.detail, logs)
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : ''
}
