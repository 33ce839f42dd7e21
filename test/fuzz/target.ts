// What a JavaScript target of the fuzzer is: something that takes bytes and must stay well.

/** The target did what it must never do; the message is one sentence. */
export class Finding extends Error {
  override readonly name = 'Finding'
}

export interface Target {
  /** Sources whose coverage guides the search, as paths of this repository. */
  sources: readonly string[]
  /** Small inputs to begin with. */
  seeds: () => Promise<readonly Buffer[]>
  /** Words of the target's grammar. */
  dictionary: readonly string[]
  bytesMax: number
  /** Inputs between two questions for coverage, which cost a millisecond each. */
  batch: number
  /** Imports what is measured, and gets ready. */
  open(): Promise<OpenTarget>
}

export interface OpenTarget {
  /**
   * Runs one input to its end. Resolves with a short text of how it ended: an ending never seen is new.
   * Rejects with whatever breaks a rule, a Finding where the rule is ours.
   */
  run(input: Buffer): Promise<string>
  /** Puts right what a mutation is nearly sure to break, such as a checksum. */
  repair?(input: Buffer): Buffer
  close(): Promise<void>
}

export function must(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new Finding(rule)
}

/** `text` without what differs between inputs that end alike: quoted words and numbers. */
export function shapeOf(text: string): string {
  return text
    .replace(/["'].*["']/s, '""')
    .replace(/\d+/g, '0')
    .slice(0, 120)
}
