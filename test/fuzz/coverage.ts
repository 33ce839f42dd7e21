// Which characters of our sources have run, by V8's precise block coverage (node:inspector): what tells a
// search that an input is new.
import { readFileSync } from 'node:fs'
import { Session, type Profiler } from 'node:inspector'
import { fileURLToPath } from 'node:url'

/** A source's characters: in a function at all, and run. */
interface Painted {
  functions: Uint8Array
  run: Uint8Array
}

/** One character of a source. */
interface Spot {
  run: Uint8Array
  at: number
}

export interface CoverageSum {
  run: number
  all: number
}

/** Must be made before what it measures is imported: V8 counts blocks only in what it compiles afterwards. */
export class Coverage implements Disposable {
  readonly #session = new Session()
  readonly #prefixes: readonly string[]
  readonly #sources = new Map<string, Painted>()
  /** Where the last take() found something new. */
  #fresh: Spot[] = []

  /** `prefixes`: the file URLs that count begin with one of these. */
  constructor(prefixes: readonly string[]) {
    this.#prefixes = prefixes
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** True when something has run since the last call that never ran before. */
  take(): boolean {
    const fresh: Spot[] = []
    this.#fresh = fresh
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error !== null) throw new Error(`BUG: no coverage: ${error.message}`)
      for (const script of taken.result) this.#paint(script)
    })
    return fresh.length > 0
  }

  /** As if what the last take() found had not run yet. */
  forgetLast(): void {
    for (const { run, at } of this.#fresh) run[at] = 0
  }

  sum(): CoverageSum {
    const count = (characters: Uint8Array) => characters.reduce((sum, one) => sum + one, 0)
    const sources = [...this.#sources.values()]
    return {
      run: sources.reduce((sum, { run }) => sum + count(run), 0),
      all: sources.reduce((sum, { functions }) => sum + count(functions), 0),
    }
  }

  [Symbol.dispose](): void {
    this.#session.disconnect()
  }

  #paint({ url, functions }: Profiler.ScriptCoverage): void {
    if (!this.#prefixes.some((prefix) => url.startsWith(prefix))) return
    const source = this.#sources.get(url) ?? newSource(url)
    this.#sources.set(url, source)
    // An outer function comes before those inside it, whose own ranges then hold.
    const now = new Uint8Array(source.run.length)
    for (const { ranges } of functions) {
      // The module's own code ran when it was loaded.
      if (ranges[0] === undefined || ranges[0].startOffset === 0) continue
      source.functions.fill(1, ranges[0].startOffset, ranges[0].endOffset)
      for (const { startOffset, endOffset, count } of ranges) {
        now.fill(count > 0 ? 1 : 0, startOffset, endOffset)
      }
    }
    this.#add(source.run, now)
  }

  #add(run: Uint8Array, now: Uint8Array): void {
    for (let at = 0; at < now.length; at++) {
      if (now[at] === 0 || run[at] === 1) continue
      run[at] = 1
      this.#fresh.push({ run, at })
    }
  }
}

function newSource(url: string): Painted {
  const { length } = readFileSync(fileURLToPath(url), 'utf8')
  return { functions: new Uint8Array(length), run: new Uint8Array(length) }
}
