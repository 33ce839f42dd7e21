// Where `install` writes and asks, so that tests can stand in for a terminal.
import { createInterface } from 'node:readline/promises'
import pc from 'picocolors'
import type { Colors } from './plan/print.ts'

export interface Io {
  out: (text: string) => void
  err: (text: string) => void
  env: NodeJS.ProcessEnv
  /** The identity where `out` is not a terminal. */
  colors: Colors
  /** null where nobody is there to answer. */
  ask: ((question: string) => Promise<string>) | null
}

export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process
  // Whoever read may be gone (`| head`, a connection that broke): what was begun is still ended in order.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined)
  // Of a pipe, isTTY is undefined, whatever the types say.
  const isTerminal = (stream: { isTTY?: boolean }): boolean => stream.isTTY === true
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    env,
    colors: pc.createColors(pc.isColorSupported && isTerminal(stdout)),
    ask: isTerminal(stdin) && isTerminal(stdout) ? askOnTerminal : null,
  }
}

/** '' also at the end of the input. */
async function askOnTerminal(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  try {
    lines.once('SIGINT', () => lines.close())
    return await Promise.race([
      lines.question(question),
      new Promise<string>((resolve) => lines.once('close', () => resolve(''))),
    ])
  } finally {
    lines.close()
  }
}
