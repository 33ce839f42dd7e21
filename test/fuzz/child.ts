// Runs one program that may hang or crash, and keeps what it printed.
import { spawn } from 'node:child_process'
import { WITH_US } from './outcome.ts'

/** The end of what a program prints that is kept. */
const OUTPUT_LENGTH_MAX = 1024 ** 2

export interface ChildEnd {
  /** The exit status; null after a signal. */
  status: number | null
  /** How it ended, when not by itself with 0: a word. */
  how: string
  stdout: string
  stderr: string
}

/** `stop` ends it when it aborts. Never rejects because of how the program ends. */
export async function runChild(
  words: readonly string[],
  stop: AbortSignal,
  environment: NodeJS.ProcessEnv = {},
): Promise<ChildEnd> {
  const [program, ...args] = [...WITH_US, ...words]
  const child = spawn(program, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = (): void => void child.kill('SIGKILL')
  stop.addEventListener('abort', kill)
  if (stop.aborted) kill()
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] = (output[name] + text).slice(-OUTPUT_LENGTH_MAX)
    })
  }
  try {
    return await new Promise<ChildEnd>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (status, signal) => {
        resolve({ status, how: status === 0 ? '' : (signal ?? `status ${status}`), ...output })
      })
    })
  } finally {
    stop.removeEventListener('abort', kill)
  }
}
