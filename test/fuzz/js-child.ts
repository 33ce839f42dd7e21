// One JavaScript target in a process of its own, which may hang or crash: run-javascript.ts watches it.
// Usage: js-child.ts TARGET search SECONDS SEED CORPUS_DIRECTORY CURRENT_FILE | TARGET replay FILE...
import { openSync, readFileSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Corpus } from './corpus.ts'
import { Coverage } from './coverage.ts'
import { Engine } from './engine.ts'
import { JAVASCRIPT_TARGETS } from './javascript-targets.ts'
import { Random } from './random.ts'
import type { Target } from './target.ts'

const ROOT = resolve(import.meta.dirname, '../..')
/** As sysexits.h EX_DATAERR: the input is at fault, not the harness. */
const FINDING_STATUS = 65

/** A count of inputs and a length, each 32 bits, then the input itself. */
function announcer(path: string): (input: Buffer) => void {
  const fd = openSync(path, 'w')
  const head = Buffer.alloc(8)
  let count = 0
  return (input) => {
    head.writeUInt32LE(++count >>> 0)
    head.writeUInt32LE(input.length, 4)
    writeSync(fd, Buffer.concat([head, input]), 0, 8 + input.length, 0)
  }
}

async function search(target: Target, words: readonly string[]): Promise<void> {
  const [seconds = '', seed = '', directory = '', current = ''] = words
  const prefixes = target.sources.map((path) => pathToFileURL(join(ROOT, path)).href)
  using coverage = new Coverage(prefixes)
  const random = new Random(Number(seed))
  const corpus = new Corpus(directory, await target.seeds(), target.dictionary)
  const open = await target.open()
  const engine = new Engine({
    target,
    open,
    corpus,
    coverage,
    random,
    announce: announcer(current),
  })
  await engine.run(performance.now() + Number(seconds) * 1000)
  await open.close()
  const { executions } = engine
  const sum = {
    executions,
    coverage: coverage.sum(),
    added: corpus.added,
    kept: corpus.inputs.length,
  }
  process.stdout.write(`${JSON.stringify(sum)}\n`)
}

async function replay(target: Target, files: readonly string[]): Promise<void> {
  const open = await target.open()
  for (const file of files) {
    const ending = await open.run(readFileSync(file))
    process.stdout.write(`${ending}\n`)
  }
  await open.close()
}

function fail(error: unknown): never {
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  process.exit(FINDING_STATUS)
}

process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
const [name = '', action, ...words] = process.argv.slice(2)
const target = JAVASCRIPT_TARGETS.get(name)
if (target === undefined) throw new Error(`no target ${name}`)
await (action === 'search' ? search(target, words) : replay(target, words)).catch(fail)
process.exit()
