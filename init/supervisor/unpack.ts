// Unpacks a pushed image in a child of the role `unpack`: nothing of the image is parsed in PID 1.
import { closeSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import type { Manifest } from '../../protocol/image.ts'
import { ManifestError, parseManifest } from '../../protocol/manifest.ts'
import { availableMemory } from '../../sys/meminfo.ts'
import type { Native } from '../../sys/native.ts'
import type { ProcessEnd } from '../../sys/process.ts'
import { AppError } from './apps.ts'
import type { Clock } from './clock.ts'
import { describeExit } from './describe-exit.ts'
import { pumpImage } from './image-pump.ts'
import type { Log } from './log.ts'
import { lineReader, openChildPipe, readPipe, type PipeReader } from './pipes.ts'
import type { Reaper } from './reaper.ts'

export interface UnpackTools {
  native: Native
  reaper: Reaper
  clock: Clock
  log: Log
  buffer: Uint8Array
  openSink: (fd: number) => Writable
  /** /proc */
  proc: string
  /** Words after the staging directory: the unpacker's limits. */
  unpackArgs: readonly string[]
}

export interface UnpackRequest {
  staging: string
  body: Readable
  /** Ends the child; the promise then rejects with the signal's reason. Aborted too when the body breaks. */
  signal: AbortSignal
  onProgress: (bytes: number, entries: number) => void
}

export interface Unpacked {
  /** sha256 of the uncompressed tar, `sha256:hex`. */
  digest: string
  /** sha256 of the packed bytes, hex. */
  packedSha256: string
  bytes: number
  entries: number
  manifest: Manifest
}

const SIGKILL = 9
/** A Node.js, and 9 MiB of decoder for what `xz -6` packed. */
const MEMORY_BYTES_MIN = 32 * 1024 ** 2
/** `done` carries the manifest, of at most 256 KiB before it is written as JSON. */
const EVENT_BYTES_MAX = 2 * 1024 * 1024
const STDERR_CHARS_MAX = 4096
const LAST_READS_MAX = 64
/** Without a byte moved and without a word for this long, the unpacker hangs. */
const STALL_MS_MAX = 300_000

interface Report {
  /** Why it was killed by us. */
  failure: Error | null
  done: Unpacked | null
  error: AppError | null
  stderr: string
}

/** Rejects with AppError; what is in staging then is the caller's to delete. */
export async function unpack(tools: UnpackTools, request: UnpackRequest): Promise<Unpacked> {
  const { body, signal } = request
  signal.throwIfAborted()
  refuseWithoutMemory(tools.proc, 'Unpacking')
  const report: Report = { failure: null, done: null, error: null, stderr: '' }
  const fail = (error: Error): void => {
    report.failure ??= error
    child.kill()
  }
  const child = startChild(tools, request, report, () => stall.reset())
  const stall = watchStall(tools.clock, () => fail(stalled()))
  const aborted = (): void => fail(signal.reason as Error)
  signal.addEventListener('abort', aborted, { once: true })
  const pump = pumpImage(body, child.sink, () => stall.reset())
  let end: ProcessEnd
  try {
    end = await child.ended
  } finally {
    stall.stop()
    signal.removeEventListener('abort', aborted)
    pump.stop()
  }
  if (report.stderr !== '') tools.log.warn({ stderr: report.stderr }, 'the unpacker said')
  return judge(report, end, pump.complete())
}

/**
 * With less, such a child and PID 1 push each other's code out of memory and nothing on the node answers.
 * Throws AppError.
 */
export function refuseWithoutMemory(procDir: string, what: string): void {
  const available = availableMemory(procDir)
  if (available === null || available >= MEMORY_BYTES_MIN) return
  const [has, wants] = [available, MEMORY_BYTES_MIN].map((bytes) => Math.floor(bytes / 1024 ** 2))
  throw new AppError(
    'memory-low',
    `${what} wants ${wants} MiB of memory and the node has ${has} MiB available; stop an app first.`,
  )
}

function judge(report: Report, end: ProcessEnd, complete: boolean): Unpacked {
  if (report.failure !== null) throw report.failure
  if (report.error !== null) throw report.error
  if (report.done === null || end.exitCode !== 0) {
    const hint = end.signal === 'SIGKILL' ? ' Did the node run out of memory?' : ''
    const last = report.stderr.trim().split('\n').at(-1) ?? ''
    throw new AppError(
      'unpack-failed',
      `The unpacker ${describeExit(end)} before it was done.${hint} ${last}`.trimEnd(),
    )
  }
  if (!complete)
    throw new AppError(
      'image-corrupt',
      'There are bytes after the end of the image; pack it again.',
    )
  return report.done
}

const stalled = (): AppError =>
  new AppError(
    'unpack-failed',
    'The unpacker made no progress for 5 minutes; push the image again.',
  )

function watchStall(clock: Clock, hung: () => void): { reset: () => void; stop: () => void } {
  let lastMs = clock.nowMs()
  // One timer that looks again, for setting one anew with every chunk costs more than it tells.
  const look = (): void => {
    const leftMs = lastMs + STALL_MS_MAX - clock.nowMs()
    if (leftMs <= 0) hung()
    else stop = clock.after(leftMs, look)
  }
  let stop = clock.after(STALL_MS_MAX, look)
  return { reset: () => (lastMs = clock.nowMs()), stop: () => stop() }
}

interface Child {
  sink: Writable
  kill(): void
  /** Once it is reaped and everything it said is in the report. */
  ended: Promise<ProcessEnd>
}

function startChild(
  tools: UnpackTools,
  { staging, onProgress }: UnpackRequest,
  report: Report,
  alive: () => void,
): Child {
  const { native, reaper, buffer, unpackArgs, openSink } = tools
  const ends: number[] = []
  const readers: PipeReader[] = []
  const output = (bytes: (bytes: Uint8Array) => void): number => {
    const pipe = openChildPipe(native, 'read')
    ends.push(pipe.write)
    readers.push(readPipe(native, pipe.read, buffer, { bytes }))
    return pipe.write
  }
  const finish = (): void => {
    for (const reader of readers) {
      reader.drain(LAST_READS_MAX)
      reader.close()
    }
  }
  const { promise, resolve } = Promise.withResolvers<ProcessEnd>()
  let packed: number | null = null
  try {
    const readEvents = lineReader(EVENT_BYTES_MAX, (line) => takeEvent(line, report, onProgress))
    const events = output((bytes) => {
      alive()
      readEvents(bytes)
    })
    const stderr = output((bytes) => {
      report.stderr = (report.stderr + Buffer.from(bytes).toString()).slice(-STDERR_CHARS_MAX)
    })
    const input = openChildPipe(native, 'write')
    ends.push(input.read)
    packed = input.write
    let pid: number | null = reaper.spawn(
      {
        argv: ['solocloud', 'unpack', staging, ...unpackArgs],
        env: [],
        namespaces: 0,
        fds: [input.read, events, stderr],
      },
      (end) => {
        pid = null
        finish()
        resolve(end)
      },
      'unpack',
    )
    const kill = (): void => {
      if (pid !== null) native.kill(pid, SIGKILL)
    }
    return { sink: openSink(packed), kill, ended: promise }
  } catch (error) {
    for (const reader of readers) reader.close()
    if (packed !== null) closeSync(packed)
    throw error
  } finally {
    for (const fd of ends) closeSync(fd)
  }
}

/** The child parses hostile input, so what it says is checked like anything from outside. */
function takeEvent(line: string, report: Report, onProgress: UnpackRequest['onProgress']): void {
  let event: Record<string, unknown>
  try {
    event = JSON.parse(line) as Record<string, unknown>
    if (event['event'] === 'progress') onProgress(count(event['bytes']), count(event['entries']))
    else if (event['event'] === 'error') report.error ??= reportedError(event)
    else if (event['event'] === 'done') report.done ??= reportedDone(event)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    report.error ??=
      error instanceof ManifestError
        ? new AppError('manifest-invalid', why)
        : new AppError('unpack-failed', `The unpacker reported nonsense: ${why}`)
  }
}

function reportedError({ code, message }: Record<string, unknown>): AppError {
  const known = typeof code === 'string' && /^[a-z][a-z-]{0,40}$/.test(code)
  const detail = typeof message === 'string' ? message.slice(0, 1000) : 'The image was refused.'
  return new AppError(known ? code : 'unpack-failed', detail)
}

function reportedDone(event: Record<string, unknown>): Unpacked {
  // Defaults are null where the manifest says nothing; its parser wants such fields absent.
  const json = JSON.stringify(event['manifest'], (_, value: unknown) => value ?? undefined)
  return {
    digest: `sha256:${sha256(event['digest'])}`,
    packedSha256: sha256(event['packedSha256']),
    bytes: count(event['bytes']),
    entries: count(event['entries']),
    manifest: parseManifest(Buffer.from(json)),
  }
}

function count(value: unknown): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value)
  throw new Error('a number is missing')
}

function sha256(value: unknown): string {
  const hex = /^(?:sha256:)?([0-9a-f]{64})$/.exec(typeof value === 'string' ? value : '')?.[1]
  if (hex === undefined) throw new Error('a digest is missing')
  return hex
}
