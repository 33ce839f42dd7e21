// Where `install` writes and asks, so that tests can stand in for a terminal.
import pc from 'picocolors'
import { ask } from '../terminal/ask.ts'
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
    ask: isTerminal(stdin) && isTerminal(stdout) ? (question) => ask(question, stdout) : null,
  }
}
