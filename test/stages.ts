// `make test` and `make check`: the stages in their order, a line for each as it ends, and the sum.
// Usage: stages.ts [check | STAGE...]
import { spawn } from 'node:child_process'
import { createWriteStream, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { endOfLife } from '../demo/lifetime.ts'

interface Stage {
  name: string
  /** A program and its arguments; the report is where vitest writes its counts. */
  words: (report: string) => readonly string[]
  /** True for vitest: it counts its tests; everything else counts as one. */
  counts: boolean
  /** Needs what the stage `build` makes. */
  needsBuild: boolean
  /** Runs beside another one: a machine of its own at a time, busy on one processor or waiting. */
  pairs: boolean
}

interface Outcome {
  passed: number
  failed: number
  skipped: number
}

const ROOT = join(import.meta.dirname, '..')
const LOGS = join(ROOT, 'build/test-logs')
const STAGE_MS_MAX = 40 * 60_000
/** The end of a failed stage's output that is shown; all of it is in the log. */
const SHOWN_LENGTH_MAX = 20_000

/** Directories of test/ with machines, in QEMU or in namespaces, the one that takes longest first. They come last. */
const PAIRED_AREAS = ['install', 'deaths', 'boot', 'power-cut', 'namespaces', 'openvz', 'ssh']
/** The others in the order of what they need; one that is not named here runs before these. */
const LAST_AREAS = ['bundle', 'compat', 'network', ...PAIRED_AREAS]
/** More would not find the memory on a small machine. */
const LANES_MAX = 2

const node = (...words: string[]) => [process.execPath, ...words]
const tool = (name: string, words: readonly string[]): Stage => ({
  ...{ name, counts: false, needsBuild: false, pairs: false },
  words: () => words,
})
const vitest = (name: string, needsBuild: boolean): Stage => ({
  ...{ name, counts: true, needsBuild, pairs: PAIRED_AREAS.includes(name) },
  words: (report) => {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    return node('node_modules/vitest/vitest.mjs', 'run', '--project', name, ...reporters)
  },
})

const CHECKS: readonly Stage[] = [
  tool('types', node('node_modules/typescript/bin/tsc')),
  tool('lint', node('node_modules/eslint/bin/eslint.js', '.')),
  tool('format', node('test/format.ts')),
  vitest('tidy', false),
  vitest('unit', false),
]
const BUILD = tool('build', ['make', '--no-print-directory', 'build'])

function allStages(): Stage[] {
  const files = globSync('test/*/**/*.test.ts', { cwd: ROOT })
  const areas = new Set(files.map((file) => file.split('/')[1] ?? ''))
  const rank = (area: string) => LAST_AREAS.indexOf(area)
  const rest = [...areas].filter((area) => area !== 'tidy')
  rest.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
  return [...CHECKS, BUILD, ...rest.map((area) => vitest(area, true))]
}

function chosenStages(names: readonly string[]): Stage[] {
  if (names.length === 0) return allStages()
  if (names[0] === 'check') return [...CHECKS]
  return names.map((name) => {
    const stage = allStages().find((known) => known.name === name)
    if (stage === undefined) throw new Error(`no stage ${name}`)
    return stage
  })
}

/** Runs a program with its output in the log; true when it ends well. */
async function run(words: readonly string[], log: string, ending: AbortSignal): Promise<boolean> {
  // The kernel ends it when we end, however that is.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...words], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any([ending, AbortSignal.timeout(STAGE_MS_MAX)]),
    killSignal: 'SIGKILL',
  })
  const file = createWriteStream(log)
  child.stdout.pipe(file, { end: false })
  child.stderr.pipe(file, { end: false })
  const why = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`${error.name}: ${error.message}`))
    child.once('close', (code, signal) => resolve(code === 0 ? '' : `ended with ${signal ?? code}`))
  })
  await new Promise<void>((resolve) => file.end(why === '' ? '' : `${why}\n`, resolve))
  return why === ''
}

interface VitestReport {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
}

async function runStage(stage: Stage, ending: AbortSignal): Promise<Outcome> {
  const report = join(LOGS, `${stage.name}.json`)
  rmSync(report, { force: true })
  const ok = await run(stage.words(report), join(LOGS, `${stage.name}.log`), ending)
  if (!stage.counts) return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }
  try {
    const counts = JSON.parse(readFileSync(report, 'utf8')) as VitestReport
    // A file that does not load fails without a failed test.
    const failed = Math.max(counts.numFailedTests, ok ? 0 : 1)
    return { passed: counts.numPassedTests, failed, skipped: counts.numPendingTests }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

function line(name: string, outcome: Outcome, ms: number): string {
  const words = [`${outcome.passed} passed`]
  if (outcome.failed > 0) words.push(`${outcome.failed} FAILED`)
  if (outcome.skipped > 0) words.push(`${outcome.skipped} skipped`)
  return `${name.padEnd(12)} ${(ms / 1000).toFixed(1).padStart(7)} s   ${words.join(', ')}\n`
}

/** Runs a stage, prints its line, and what it printed when it failed. */
async function showStage(stage: Stage, built: boolean, ending: AbortSignal): Promise<Outcome> {
  const start = performance.now()
  const runs = built || !stage.needsBuild
  const outcome = runs ? await runStage(stage, ending) : { passed: 0, failed: 1, skipped: 0 }
  process.stdout.write(line(stage.name, outcome, performance.now() - start))
  if (outcome.failed === 0 || ending.aborted) return outcome
  const log = join(LOGS, `${stage.name}.log`)
  const text = runs ? readFileSync(log, 'utf8') : 'not run: the build failed\n'
  process.stdout.write(`${text.slice(-SHOWN_LENGTH_MAX)}(${relative(ROOT, log)})\n`)
  return outcome
}

/** Runs them in their order, those with machines at last and two at a time; the sum of their outcomes. */
async function runStages(stages: readonly Stage[], ending: AbortSignal): Promise<Outcome> {
  const sum: Outcome = { passed: 0, failed: 0, skipped: 0 }
  let built = true
  const lane = async (queue: Stage[]): Promise<void> => {
    for (let stage = queue.shift(); stage !== undefined; stage = queue.shift()) {
      const outcome = await showStage(stage, built, ending)
      if (ending.aborted) return
      if (stage === BUILD) built = outcome.failed === 0
      sum.passed += outcome.passed
      sum.failed += outcome.failed
      sum.skipped += outcome.skipped
    }
  }
  await lane(stages.filter(({ pairs }) => !pairs))
  const paired = stages.filter(({ pairs }) => pairs)
  const lanes = Math.min(LANES_MAX, availableParallelism())
  await Promise.all(Array.from({ length: lanes }, () => lane(paired)))
  return sum
}

const stages = chosenStages(process.argv.slice(2))
const ending = endOfLife()
mkdirSync(LOGS, { recursive: true })
const { passed, failed } = await runStages(stages, ending)
process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
process.exit(failed === 0 && !ending.aborted ? 0 : 1)
