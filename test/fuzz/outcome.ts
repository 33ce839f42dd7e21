// What a fuzzer's run comes to, and where its files are.
import { resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')

export interface RunOptions {
  seconds: number
  seed: number
  /** Ends what runs when it aborts. */
  ending: AbortSignal
}

export interface Outcome {
  executions: number
  /** How much of what there is has run: edges, or characters of the sources. */
  covered: string
  added: number
  kept: number
  /** null: nothing was found. */
  finding: { why: string; file: string } | null
}

/** The directories of one target below .cache/, outside git. */
export function directoriesOf(name: string) {
  const home = resolve(ROOT, '.cache/fuzz', name)
  return {
    home,
    corpus: `${home}/corpus`,
    seeds: `${home}/seeds`,
    findings: `${home}/findings`,
    build: `${home}/build`,
  }
}

/** What is ended with us, however we end. */
export const WITH_US = ['setpriv', '--pdeathsig', 'KILL', '--'] as const
