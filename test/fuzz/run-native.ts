// Runs a native target with libFuzzer for a bounded time, and makes what it finds small.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildNative } from './build-native.ts'
import { runChild } from './child.ts'
import { digestOf } from './corpus.ts'
import type { NativeTarget } from './native-targets.ts'
import { directoriesOf, type Outcome, type RunOptions } from './outcome.ts'

const INPUT_SECONDS_MAX = 10
const MEMORY_MEGABYTES_MAX = 2048
const ALLOCATION_MEGABYTES_MAX = 512
const MINIMISE_SECONDS = 30
/** Beyond its own time, for starting and for the corpus of earlier runs. */
const EXTRA_SECONDS = 120

const LIMITS = [
  `-timeout=${INPUT_SECONDS_MAX}`,
  `-rss_limit_mb=${MEMORY_MEGABYTES_MAX}`,
  `-malloc_limit_mb=${ALLOCATION_MEGABYTES_MAX}`,
]

export async function runNative(
  name: string,
  target: NativeTarget,
  { seconds, seed, ending }: RunOptions,
): Promise<Outcome> {
  const paths = directoriesOf(name)
  const program = buildNative(name, target, paths.build)
  for (const directory of [paths.corpus, paths.seeds, paths.findings]) {
    mkdirSync(directory, { recursive: true })
  }
  for (const input of target.seeds()) writeFileSync(join(paths.seeds, digestOf(input)), input)
  const words = [
    ...[program, paths.corpus, paths.seeds, ...LIMITS, ...dictionaryWords(target, paths.build)],
    // 0 means "choose one" to libFuzzer.
    ...[
      `-seed=${seed === 0 ? 1 : seed}`,
      `-max_total_time=${seconds}`,
      `-max_len=${target.bytesMax}`,
    ],
    ...[`-artifact_prefix=${paths.findings}/`, '-print_final_stats=1', '-reload=0'],
  ]
  const stop = AbortSignal.any([ending, AbortSignal.timeout((seconds + EXTRA_SECONDS) * 1000)])
  const { status, how, stderr } = await runChild(words, stop)
  const sum = sumOf(stderr)
  if (status === 0 || ending.aborted) return { ...sum, finding: null }
  const input = /Test unit written to (\S+)/.exec(stderr)?.[1]
  if (input === undefined) throw new Error(`${name} ended with ${how}:\n${stderr.slice(-2000)}`)
  const file = await minimise(program, input, ending)
  return { ...sum, finding: { why: reasonOf(stderr), file } }
}

/** libFuzzer's file of words, each byte as it wants it. */
function dictionaryWords(target: NativeTarget, directory: string): string[] {
  if (target.dictionary.length === 0) return []
  const hex = (byte: number) => `\\x${byte.toString(16).padStart(2, '0')}`
  const line = (word: string) => `"${[...Buffer.from(word, 'latin1')].map(hex).join('')}"\n`
  const path = join(directory, 'dictionary')
  writeFileSync(path, target.dictionary.map(line).join(''))
  return [`-dict=${path}`]
}

function sumOf(stderr: string): Omit<Outcome, 'finding'> {
  const number = (pattern: RegExp) => Number([...stderr.matchAll(pattern)].at(-1)?.[1] ?? 0)
  const edges = number(/\((\d+) PCs\)/g)
  return {
    executions: number(/stat::number_of_executed_units: (\d+)/g),
    covered: `${number(/ cov: (\d+)/g)} of ${edges} edges`,
    added: number(/stat::new_units_added:\s+(\d+)/g),
    kept: number(/ corp: (\d+)\//g),
  }
}

/** The rule that was broken, or the sanitizer's line, with the first places of ours. */
function reasonOf(stderr: string): string {
  const why = /^Finding: .*|runtime error: .*|ERROR: .*/m.exec(stderr)?.[0] ?? 'it crashed'
  const places = [...stderr.matchAll(/^ +#\d+ \S+ in (.*)$/gm)]
    .map((match) => match[1] ?? '')
    .filter((place) => /\/fuzz\/.*\.(?:h|cc?):\d+/.test(place) && !/fuzz-kernel/.test(place))
  return [why, ...places.slice(0, 4)].join('\n    ')
}

async function minimise(program: string, input: string, ending: AbortSignal): Promise<string> {
  const small = `${input}.min`
  const words = [program, input, ...LIMITS, '-minimize_crash=1', `-exact_artifact_path=${small}`]
  const stop = AbortSignal.any([ending, AbortSignal.timeout(2 * MINIMISE_SECONDS * 1000)])
  const { stderr } = await runChild([...words, `-max_total_time=${MINIMISE_SECONDS}`], stop)
  // It says where the smallest is; without a smaller one, the first is as good.
  return stderr.includes(small) ? small : input
}
