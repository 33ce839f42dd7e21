// The search itself: changes inputs of the corpus, keeps those that reach something new, for a bounded time.
import type { Corpus } from './corpus.ts'
import type { Coverage } from './coverage.ts'
import { mutate } from './mutate.ts'
import type { Random } from './random.ts'
import { Finding, type OpenTarget, type Target } from './target.ts'

/** Endings beyond this are noise. */
const ENDINGS_MAX = 3000
const RESIDENT_BYTES_MAX = 768 * 1024 ** 2

export interface Search {
  target: Target
  open: OpenTarget
  corpus: Corpus
  coverage: Coverage
  random: Random
  /** Told of every input before it runs: whoever watches us has it when we hang or crash. */
  announce: (input: Buffer) => void
}

export class Engine {
  executions = 0
  readonly #search: Search
  readonly #endings = new Set<string>()

  constructor(search: Search) {
    this.#search = search
  }

  /** Runs the corpus, then what comes of it until `endMs` (performance.now()). Rejects at a finding. */
  async run(endMs: number): Promise<void> {
    for (const input of this.#search.corpus.inputs.slice()) {
      if (performance.now() < endMs) await this.#once(input)
    }
    this.#search.coverage.take()
    while (performance.now() < endMs) await this.#batch(this.#search.target.batch)
  }

  async #batch(count: number): Promise<void> {
    const inputs = Array.from({ length: count }, () => this.#next())
    for (const input of inputs) {
      if (await this.#once(input)) this.#search.corpus.keep(input)
    }
    if (!this.#search.coverage.take()) return
    this.#search.corpus.keepAll(await this.#responsible(inputs))
  }

  /**
   * The inputs of a batch that reached something new. What has run can't be unseen, so that it is asked
   * which of them runs what no other does; without an answer (chance was involved) it is all of them.
   */
  async #responsible(inputs: readonly Buffer[]): Promise<readonly Buffer[]> {
    const { coverage } = this.#search
    if (inputs.length === 1) return inputs
    const found: Buffer[] = []
    coverage.forgetLast()
    for (const input of inputs) {
      await this.#once(input)
      if (coverage.take()) found.push(input)
    }
    return found
  }

  #next(): Buffer {
    const { target, open, corpus, random } = this.#search
    const dictionary = corpus.dictionary
    const input = mutate(random, { corpus: corpus.inputs, dictionary, bytesMax: target.bytesMax })
    return open.repair?.(input) ?? input
  }

  /** True when it ended as none before. */
  async #once(input: Buffer): Promise<boolean> {
    this.#search.announce(input)
    this.executions++
    const ending = await this.#search.open.run(input)
    if (this.executions % 64 === 0) checkMemory()
    if (this.#endings.has(ending) || this.#endings.size >= ENDINGS_MAX) return false
    this.#endings.add(ending)
    return true
  }
}

function checkMemory(): void {
  const bytes = process.memoryUsage.rss()
  if (bytes > RESIDENT_BYTES_MAX) throw new Finding(`the process holds ${bytes} bytes`)
}
