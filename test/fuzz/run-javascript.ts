// Runs a JavaScript target in a process of its own, watches it, and makes what it finds small.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ChildEnd, runChild } from './child.ts'
import { digestOf } from './corpus.ts'
import { directoriesOf, type Outcome, type RunOptions } from './outcome.ts'

/** An input may take this long on a busy machine. */
const INPUT_MS_MAX = 20_000
const LOOK_MS = 1000
const REPLAY_MS_MAX = 30_000
const REPLAYS_MAX = 60
const MINIMISE_MS_MAX = 60_000
const HEAP_MEGABYTES_MAX = 256
const CHILD = join(import.meta.dirname, 'js-child.ts')

interface Sum {
  executions: number
  coverage: { run: number; all: number }
  added: number
  kept: number
}

export async function runJavaScript(
  name: string,
  { seconds, seed, ending }: RunOptions,
): Promise<Outcome> {
  const { corpus, findings, home } = directoriesOf(name)
  const current = join(home, 'current')
  mkdirSync(findings, { recursive: true })
  rmSync(current, { force: true })
  const words = childWords(name, 'search', `${seconds}`, `${seed}`, corpus, current)
  const { end, hung } = await watched(words, current, ending)
  if (end.status === 0) return { ...outcomeOf(JSON.parse(end.stdout) as Sum), finding: null }
  const none = { executions: countIn(current), covered: '-', added: 0, kept: 0 }
  if (ending.aborted) return { ...none, finding: null }
  const why = hung
    ? `no end after ${INPUT_MS_MAX / 1000} s`
    : `${end.how}: ${end.stderr.slice(-2000)}`
  const file = await minimise(name, inputIn(current), findings, ending)
  return { ...none, finding: { why, file } }
}

/** With a temporary directory of its own: what is killed does not clean up. */
async function runInScratch(words: readonly string[], stop: AbortSignal): Promise<ChildEnd> {
  const scratch = mkdtempSync(join(tmpdir(), 'fuzz-'))
  try {
    return await runChild(words, stop, { TMPDIR: scratch })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function childWords(...words: string[]): string[] {
  return [process.execPath, `--max-old-space-size=${HEAP_MEGABYTES_MAX}`, CHILD, ...words]
}

function outcomeOf({ executions, coverage, added, kept }: Sum): Omit<Outcome, 'finding'> {
  const percent = ((100 * coverage.run) / coverage.all).toFixed(1)
  return { executions, covered: `${percent} % of ${coverage.all} characters`, added, kept }
}

/** Ends the child when it stays at one input for too long. */
async function watched(
  words: readonly string[],
  current: string,
  ending: AbortSignal,
): Promise<{ end: ChildEnd; hung: boolean }> {
  const hang = new AbortController()
  const over = new AbortController()
  const watch = async (): Promise<void> => {
    let last = { count: countIn(current), ms: performance.now() }
    while (!over.signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal: over.signal }).catch(() => undefined)
      const count = countIn(current)
      if (count !== last.count) last = { count, ms: performance.now() }
      else if (performance.now() - last.ms > INPUT_MS_MAX) hang.abort()
    }
  }
  const watching = watch()
  const end = await runInScratch(words, AbortSignal.any([ending, hang.signal]))
  over.abort()
  await watching
  return { end, hung: hang.signal.aborted }
}

/** js-child.ts has the form of this file. */
function countIn(current: string): number {
  try {
    return readFileSync(current).readUInt32LE()
  } catch {
    return 0 // Not written yet.
  }
}

function inputIn(current: string): Buffer {
  const bytes = readFileSync(current)
  return bytes.subarray(8, 8 + bytes.readUInt32LE(4))
}

/** Takes out of the input what it does not take to fail, in halves, quarters and so on. Its file. */
async function minimise(
  name: string,
  input: Buffer,
  directory: string,
  ending: AbortSignal,
): Promise<string> {
  const file = (bytes: Buffer): string => join(directory, digestOf(bytes))
  writeFileSync(file(input), input)
  const endMs = performance.now() + MINIMISE_MS_MAX
  let small = input
  let replays = 0
  for (
    let size = Math.ceil(input.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at < small.length;) {
      if (++replays > REPLAYS_MAX || performance.now() > endMs || ending.aborted) return file(small)
      const less = Buffer.concat([small.subarray(0, at), small.subarray(at + size)])
      if (await fails(name, less, directory, ending)) small = less
      else at += size
    }
    writeFileSync(file(small), small)
  }
  return file(small)
}

async function fails(
  name: string,
  input: Buffer,
  directory: string,
  ending: AbortSignal,
): Promise<boolean> {
  const path = join(directory, 'candidate')
  writeFileSync(path, input)
  const stop = AbortSignal.any([ending, AbortSignal.timeout(REPLAY_MS_MAX)])
  const { status } = await runInScratch(childWords(name, 'replay', path), stop)
  rmSync(path)
  return status !== 0 && !ending.aborted
}
