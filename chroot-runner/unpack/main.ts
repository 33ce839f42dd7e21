// The role `unpack`: a process that has been chrooted into an empty staging directory before any of this
// runs (native/shim.c). It reads the packed image from descriptor 0 and reports on descriptor 1.
import { writeSync } from 'node:fs'
import process from 'node:process'
import type { Manifest } from '../../protocol/image.ts'
import { loadNative } from '../../sys/load.ts'
import { parseRequest } from './limits.ts'
import { unpack, type Unpacked } from './unpack.ts'
import { UnpackError, type UnpackErrorCode } from './unpack-error.ts'
import { unxz } from './unxz.ts'

/** What the process says, one JSON object a line; the last line is `done` or `error`. */
export type UnpackEvent =
  | { event: 'progress'; bytes: number; entries: number }
  | ({ event: 'done' } & Unpacked)
  | { event: 'error'; code: UnpackErrorCode; message: string }

const EVENTS_FD = 1
/** argv: the file, its repetition by Node, the staging directory, then requestWords(). */
const FIRST_WORD = 3

/** Ends the process, even while the other end keeps descriptor 0 open. */
export async function main(): Promise<never> {
  const words = process.argv.slice(FIRST_WORD)
  // Another work for the same prison.
  if (words[0] === 'pack') return (await import('../pack/main.ts')).packMain()
  process.exit(await (words[0] === 'unxz' ? unxz(Number(words[1])) : run(words)))
}

/** The exit status. */
async function run(words: readonly string[]): Promise<0 | 1> {
  try {
    const request = parseRequest(words)
    const architecture = machineArchitecture()
    const options = { ...request, architecture, onProgress: tellProgress }
    // Not a file stream: its read of an open pipe would keep a thread, and so the process, waiting.
    tell({ event: 'done', ...(await unpack(process.stdin, '', options, loadNative())) })
    return 0
  } catch (error) {
    tell({ event: 'error', ...problem(error) })
    return 1
  }
}

/** Go's name for this machine's processor. Throws UnpackError on one that images cannot be made for. */
function machineArchitecture(): Manifest['architecture'] {
  if (process.arch === 'x64') return 'amd64'
  if (process.arch === 'arm64') return 'arm64'
  throw new UnpackError('wrong-architecture', `no image runs on a ${process.arch} processor`)
}

function tellProgress(bytes: number, entries: number): void {
  tell({ event: 'progress', bytes, entries })
}

function tell(event: UnpackEvent): void {
  const line = Buffer.from(`${JSON.stringify(event)}\n`)
  for (let at = 0; at < line.length;) at += writeSync(EVENTS_FD, line, at)
}

function problem(error: unknown): { code: UnpackErrorCode; message: string } {
  if (error instanceof UnpackError) return { code: error.code, message: error.message }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'unpack-failed', message: `unpacking failed: ${message}` }
}
