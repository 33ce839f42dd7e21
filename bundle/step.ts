// One step of the build: skipped when neither its inputs nor its recipe changed since it last succeeded.
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { execFile } from 'node:child_process'
import { dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'

export const ROOT = resolve(import.meta.dirname, '..')
/** What a build leaves for others, and below `work` what only the next build reads. */
export const BUILD = join(ROOT, 'build')
export const WORK = join(BUILD, 'work')

export interface Step {
  name: string
  /** Files whose content decides; paths are absolute. */
  inputs: readonly string[]
  /** What else decides: flags, versions. */
  recipe: readonly string[]
  outputs: readonly string[]
  run(): Promise<void>
}

/** sha256 of a file's bytes, hex. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}

/** A small file that changes whenever this step has run anew: an input in place of a large output. */
export function stampOf(name: string): string {
  return join(WORK, 'stamps', name)
}

async function fingerprint(step: Step): Promise<string> {
  const hashes = await Promise.all(step.inputs.map(sha256File))
  return createHash('sha256')
    .update(JSON.stringify([hashes, step.recipe, step.outputs.map((path) => dirname(path))]))
    .digest('hex')
}

/** Runs the step unless it is up to date; prints a line when it ran. True when it ran. */
export async function runStep(step: Step): Promise<boolean> {
  const stamp = stampOf(step.name)
  const wanted = await fingerprint(step)
  const found = await readFile(stamp, 'utf8').catch(() => '')
  if (found === wanted && step.outputs.every((path) => existsSync(path))) return false
  const started = performance.now()
  await rm(stamp, { force: true })
  await mkdir(dirname(stamp), { recursive: true })
  await step.run()
  await writeFile(stamp, wanted)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  process.stdout.write(`${step.name.padEnd(12)} ${seconds} s\n`)
  return true
}

const execute = promisify(execFile)

/** Runs a program of the build machine; throws with everything it printed when it fails. */
export async function command(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  try {
    // Times and locales of the build machine must not reach what is built.
    const env = { ...process.env, LC_ALL: 'C', SOURCE_DATE_EPOCH: '0', ...options.env }
    const { stdout } = await execute(program, args, {
      ...options,
      env,
      maxBuffer: 64 * 1024 * 1024,
    })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error })
  }
}
