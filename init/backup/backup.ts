// The node's backup as a stream of bytes: a child packs it (chroot-runner/pack), for PID 1 reads nothing that is
// an app's.
import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import type { BackupRequest } from '../../protocol/backup.ts'
import type { Native } from '../../sys/native.ts'
import type { ProcessEnd } from '../../sys/process.ts'
import type { Archive } from '../http/node-control.ts'
import { AppError } from '../supervisor/apps.ts'
import { describeExit } from '../supervisor/describe-exit.ts'
import type { Log } from '../supervisor/log.ts'
import { openChildPipe, readPipe, type PipeReader } from '../supervisor/pipes.ts'
import type { Reaper } from '../supervisor/reaper.ts'
import { refuseWithoutMemory } from '../supervisor/unpack.ts'

export interface BackupTools {
  native: Native
  reaper: Pick<Reaper, 'spawn'>
  log: Log
  /** /chroots */
  chroots: string
  /** /proc */
  proc: string
  openSink: (fd: number) => Writable
  openSource: (fd: number) => Readable
}

/** A pipe's end as a stream that is read no faster than its reader wants; takes over `fd`. */
export const openSource = (fd: number): Readable =>
  new Socket({ fd, readable: true, writable: false })

const SIGKILL = 9
const STDERR_CHARS_MAX = 2000
const STDERR_READS_MAX = 16

export class Backups {
  readonly #tools: BackupTools
  #busy = false

  constructor(tools: BackupTools) {
    this.#tools = tools
  }

  /**
   * Resolves once its first bytes are there; what fails later ends them with an error. Rejects with AppError.
   * One at a time: each takes the memory of a Node.js.
   */
  async start(request: BackupRequest): Promise<Archive> {
    if (this.#busy)
      throw new AppError('backup-in-progress', 'Another backup is under way; wait for its end.')
    refuseWithoutMemory(this.#tools.proc, 'A backup')
    this.#busy = true
    const packer = this.#startPacker(request)
    const chunks = this.#chunks(packer)
    const cancel = (): void => {
      packer.kill()
      // Also where nobody has begun to read.
      void chunks.return(undefined)
    }
    const first = await chunks.next()
    return { bytes: rest(first, chunks), cancel }
  }

  #startPacker(request: BackupRequest): Packer {
    try {
      return startPacker(this.#tools, request)
    } catch (error) {
      this.#busy = false
      throw error
    }
  }

  async *#chunks(packer: Packer): AsyncGenerator<Buffer, undefined> {
    const { log } = this.#tools
    try {
      for await (const chunk of packer.source) yield chunk as Buffer
      const end = await packer.ended
      if (end.exitCode === 0) return undefined
      const why = packer.complaint().trim() || `the packer ${describeExit(end)}`
      log.warn({ why }, 'a backup has failed')
      throw new AppError('backup-failed', `The backup is not complete: ${why}.`)
    } finally {
      packer.kill()
      packer.source.destroy()
      this.#busy = false
    }
  }
}

async function* rest(
  first: IteratorResult<Buffer, undefined>,
  chunks: AsyncGenerator<Buffer, undefined>,
): AsyncGenerator<Buffer> {
  if (first.done === true) return
  try {
    yield first.value
    yield* chunks
  } finally {
    await chunks.return(undefined)
  }
}

interface Packer {
  source: Readable
  /** Once it is reaped, and what it said has been read. */
  ended: Promise<ProcessEnd>
  /** The end of what it wrote to its standard error. */
  complaint(): string
  kill(): void
}

function startPacker(tools: BackupTools, request: BackupRequest): Packer {
  const { native, reaper, chroots, openSink } = tools
  const { promise: ended, resolve } = Promise.withResolvers<ProcessEnd>()
  /** What is to be closed when it can't be started. */
  const open = new Set<number>()
  const pipe = (ours: 'read' | 'write'): [ours: number, theirs: number] => {
    const { read, write } = openChildPipe(native, ours)
    open.add(read).add(write)
    return ours === 'read' ? [read, write] : [write, read]
  }
  let reader: PipeReader | null = null
  try {
    const [input, requestEnd] = pipe('write')
    const [output, archiveEnd] = pipe('read')
    const [errors, errorEnd] = pipe('read')
    let complaint = ''
    open.delete(errors)
    const listening = readPipe(native, errors, Buffer.allocUnsafeSlow(STDERR_CHARS_MAX), {
      bytes: (bytes) =>
        void (complaint = (complaint + Buffer.from(bytes).toString()).slice(-STDERR_CHARS_MAX)),
    })
    reader = listening
    const fds = [requestEnd, archiveEnd, errorEnd]
    const argv = ['solocloud', 'unpack', chroots, 'pack']
    let pid: number | null = reaper.spawn(
      { argv, env: [], namespaces: 0, fds },
      (end) => {
        pid = null
        listening.drain(STDERR_READS_MAX)
        listening.close()
        resolve(end)
      },
      'helper',
    )
    for (const fd of fds) closeSync(fd)
    const sink = openSink(input)
    // EPIPE: it has ended, and says why.
    sink.on('error', () => undefined)
    sink.end(JSON.stringify(request))
    const kill = (): void => {
      if (pid !== null) native.kill(pid, SIGKILL)
    }
    return { source: tools.openSource(output), ended, kill, complaint: () => complaint }
  } catch (error) {
    reader?.close()
    for (const fd of open) closeSync(fd)
    throw error
  }
}
