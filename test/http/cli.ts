// Runs `cloud` as the operator does: a process with its own environment, its output and exit code.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { CloudError } from '../../cloud/errors.ts'

const MAIN = join(import.meta.dirname, 'run-cloud.ts')
const MS_MAX = 30_000

export interface Result {
  code: number | null
  out: string
  err: string
}

export function spawnCloud(
  words: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...words], {
    // CI is set, as picocolors then colours pipes if one lets it.
    env: { PATH: process.env['PATH'], CI: 'true', ...env },
    timeout: MS_MAX,
  })
}

export async function resultOf(child: ChildProcessWithoutNullStreams): Promise<Result> {
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out, err }
}

export function cloud(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return resultOf(spawnCloud(words, env))
}

/** For expect().rejects: an error of the command line's own. */
export function failsWith(code: string): object {
  return { name: CloudError.name, code }
}
