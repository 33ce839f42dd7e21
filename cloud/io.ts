// Where the command line reads its surroundings and writes, so that tests can stand in for a terminal.
import { isatty } from 'node:tty'
import pc from 'picocolors'
import type { LogLine } from '../protocol/api.ts'
import { ask } from '../terminal/ask.ts'
import { ExitCode, type CloudError } from './errors.ts'

const STDIN = 0

export interface Output {
  write(text: string): unknown
  isTTY?: boolean
}

export interface Io {
  out: Output & NodeJS.WritableStream
  err: Output & NodeJS.WritableStream
  env: NodeJS.ProcessEnv
  /** One line from whoever sits at the terminal; null where nobody does. */
  ask: ((question: string) => Promise<string>) | null
  /** Colours for `out`: the identity where it is not a terminal, or NO_COLOR is set. */
  colors: ReturnType<typeof pc.createColors>
}

export function processIo(): Io {
  const { stdout, stderr, env } = process
  for (const stream of [stdout, stderr]) stream.on('error', endOfReader)
  // picocolors also colours a pipe when CI is set; what reads our pipe wants plain text.
  const colors = pc.createColors(pc.isColorSupported && isTerminal(stdout))
  return {
    out: stdout,
    err: stderr,
    env,
    colors,
    ask: isatty(STDIN) ? (question) => ask(question, stderr) : null,
  }
}

/** Of a pipe, isTTY is undefined, whatever the types say. */
function isTerminal({ isTTY }: Output): boolean {
  return isTTY === true
}

/** `cloud logs -f | head`: the reader has seen enough. */
function endOfReader(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(ExitCode.brokenPipe)
  throw error
}

export function printLine(io: Io, text: string): void {
  io.out.write(`${text}\n`)
}

export function printJson(io: Io, value: unknown): void {
  io.out.write(`${JSON.stringify(value)}\n`)
}

/** A sentence, and the app's last words where there are some; with --json one object a line. */
export function printError(io: Io, error: CloudError, json: boolean, app?: string): void {
  const { code, message, logs } = error
  if (json) {
    const report = { ...(app === undefined ? {} : { name: app }), code, detail: message, logs }
    io.err.write(`${JSON.stringify({ error: report })}\n`)
    return
  }
  io.err.write(`cloud: ${app === undefined ? '' : `${app}: `}${message}\n`)
  if (logs.length > 0) io.err.write(`The last lines of its log:\n${logs.map(quote).join('')}`)
}

function quote({ stream, line }: LogLine): string {
  return `  ${stream}: ${line}\n`
}
