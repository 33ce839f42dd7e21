// What `install` tells when it does not do what it was asked: a sentence, and an exit code.

/** Documented in `solocloud install --help`. */
export const ExitCode = {
  ok: 0,
  /** Nothing was changed, or everything was taken back. */
  failed: 1,
  usage: 2,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

export class InstallError extends Error {
  override readonly name = 'InstallError'
  readonly exitCode: ExitCode
  /** Stable, for programs. */
  readonly code: string

  constructor(exitCode: ExitCode, code: string, message: string) {
    super(message)
    this.exitCode = exitCode
    this.code = code
  }
}

export function usageError(message: string): InstallError {
  return new InstallError(ExitCode.usage, 'usage', message)
}
