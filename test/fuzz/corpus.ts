// The inputs worth keeping, one file each, named by what is in it: the next run begins with them.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export function digestOf(input: Buffer): string {
  return createHash('sha256').update(input).digest('hex').slice(0, 16)
}

export class Corpus {
  readonly dictionary: readonly Buffer[]
  readonly inputs: Buffer[]
  /** How many this run has added. */
  added = 0
  readonly #directory: string
  readonly #digests: Set<string>

  /** What `directory` (made where it is missing) holds, and the seeds. */
  constructor(directory: string, seeds: readonly Buffer[], dictionary: readonly string[]) {
    mkdirSync(directory, { recursive: true })
    const kept = readdirSync(directory).toSorted()
    this.#directory = directory
    this.inputs = [...seeds, ...kept.map((name) => readFileSync(join(directory, name)))]
    this.#digests = new Set(this.inputs.map(digestOf))
    this.dictionary = dictionary.map((word) => Buffer.from(word, 'latin1'))
  }

  keep(input: Buffer): void {
    const digest = digestOf(input)
    if (this.#digests.has(digest)) return
    this.#digests.add(digest)
    this.inputs.push(Buffer.from(input))
    this.added++
    writeFileSync(join(this.#directory, digest), input)
  }

  keepAll(inputs: readonly Buffer[]): void {
    for (const input of inputs) this.keep(input)
  }
}
