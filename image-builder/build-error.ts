// The one error class of building: what is wrong with the directory, in a sentence with what to do.

export type BuildErrorCode =
  /** image.json is missing or wrong. */
  | 'manifest-invalid'
  /** The directory cannot become an image. */
  | 'directory-refused'
  /** The program, its interpreter or a library of it is nowhere to be found. */
  | 'program-incomplete'
  /** The output's name or place is wrong. */
  | 'output-refused'

export class BuildError extends Error {
  override readonly name = 'BuildError'
  readonly code: BuildErrorCode
  constructor(code: BuildErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
