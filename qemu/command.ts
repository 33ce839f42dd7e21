// Runs a program of the build host to its end and returns what it printed.
import { spawn } from 'node:child_process'

export interface CommandOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** Called with each line of standard output and standard error as it comes. */
  onLine?: (line: string) => void
  timeoutMs?: number
}

const TIMEOUT_MS_DEFAULT = 10 * 60_000

/** Standard output. Throws an Error with the end of what was printed when the program fails. */
export async function command(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? TIMEOUT_MS_DEFAULT,
    killSignal: 'SIGKILL',
  })
  let stdout = ''
  let printed = ''
  const take = (text: string) => {
    printed += text
    for (const line of text.split(/[\r\n]+/)) if (line.trim() !== '') options.onLine?.(line)
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    take(text)
  })
  child.stderr.setEncoding('utf8').on('data', take)
  const outcome = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(code === 0 ? '' : String(signal ?? code)))
  })
  if (outcome === '') return stdout
  const words = [file, ...args].join(' ')
  throw new Error(`${words}: ended with ${outcome}\n${printed.trim().slice(-4000)}`)
}
