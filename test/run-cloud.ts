// Runs the built `cloud` as an operator would.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

export interface CloudRun {
  code: number | null
  stdout: string
  stderr: string
}

export const CLOUD = join(import.meta.dirname, '../build/cloud')
const RUN_MS_MAX = 180_000

export interface CloudOptions {
  /** The environment: ssh is found by it. */
  env?: NodeJS.ProcessEnv
  timeoutMs?: number
}

export async function runCloud(
  args: readonly string[],
  { env = process.env, timeoutMs = RUN_MS_MAX }: CloudOptions = {},
): Promise<CloudRun> {
  const child = spawn(CLOUD, args, {
    ...{ env, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, stdout, stderr }
}

/** Standard output of a run that must succeed. */
export async function cloud(...args: readonly string[]): Promise<string> {
  return stdoutOf(args, await runCloud(args))
}

/** Throws with everything that was printed when it did not succeed. */
export function stdoutOf(args: readonly string[], { code, stdout, stderr }: CloudRun): string {
  if (code === 0) return stdout
  throw new Error(`cloud ${args.join(' ')}: exit ${String(code)}\n${stdout}${stderr}`)
}

/** What `--json` printed by a run that must succeed. */
export async function cloudJson(...args: readonly string[]): Promise<unknown> {
  return JSON.parse(await cloud(...args, '--json'))
}
