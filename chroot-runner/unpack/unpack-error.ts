// The one error class of unpacking: a stable code for programs and a sentence for people.

export type UnpackErrorCode =
  /** Truncated, corrupt, or not a tar at all. */
  | 'image-corrupt'
  /** A tar with members that are refused: duplicates, outside the root, unsupported kinds. */
  | 'image-refused'
  /** Over one of the limits of limits.ts. */
  | 'image-too-big'
  /** image.json is missing or wrong. */
  | 'manifest-invalid'
  /** Made for another kind of processor. */
  | 'wrong-architecture'
  /** The packed bytes are not those that the sender hashed. */
  | 'digest-mismatch'
  | 'disk-full'
  /** A system call that should have worked did not. */
  | 'unpack-failed'

export class UnpackError extends Error {
  override readonly name = 'UnpackError'
  readonly code: UnpackErrorCode
  constructor(code: UnpackErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export function corrupt(message: string): UnpackError {
  return new UnpackError('image-corrupt', message)
}

export function refused(message: string): UnpackError {
  return new UnpackError('image-refused', message)
}

export function tooBig(message: string): UnpackError {
  return new UnpackError('image-too-big', message)
}

/** Whether a system call failed with one of these: 'ENOSPC' and the like. */
export function isCode(error: unknown, ...codes: string[]): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && codes.includes(code)
}
