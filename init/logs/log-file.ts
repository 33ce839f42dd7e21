// One app's log on disk: appended in whole lines, rotated by size, bounded. A disk that does not take a line
// costs that line, never the app; what was lost is counted and written down once there is room.
import * as fs from 'node:fs'
import { join } from 'node:path'

/** node:fs, or a fake disk. */
export type Disk = Pick<
  typeof fs,
  | 'openSync'
  | 'writeSync'
  | 'readSync'
  | 'fstatSync'
  | 'ftruncateSync'
  | 'closeSync'
  | 'renameSync'
  | 'existsSync'
  | 'rmSync'
>

/** Lines that the disk has not taken, and that the file does not mention yet. */
export interface Loss {
  count: number
  why: string
}

export interface LogFileOptions {
  path: string
  /** Of one file. */
  bytesMax: number
  /** All of them together: `path`, `path.1` (the newest of the old) and so on. */
  filesMax: number
  disk: Disk
  /** The line, with its newline, that stands for lines that were lost. */
  lostLine: (loss: Loss) => string
}

const NEWLINE = 0x0a

export const rotatedPath = (path: string, index: number): string =>
  index === 0 ? path : `${path}.${index}`

function countLines(bytes: Uint8Array): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++
  return count
}

export class LogFile {
  readonly #options: LogFileOptions
  #fd: number | null = null
  #size = 0
  #loss: Loss | null = null

  constructor(options: LogFileOptions) {
    this.#options = options
  }

  /** `bytes` are whole lines, of at most bytesMax; `begins` is told where, before the first byte. Never throws. */
  append(bytes: Uint8Array, begins: (fileSize: number) => void): void {
    this.#surely(bytes, () => {
      this.#openWhole()
      if (this.#size > 0 && this.#size + bytes.length > this.#options.bytesMax) {
        this.#rotate()
        this.#openWhole()
      }
      begins(this.#size)
      this.#put(bytes, () => 0)
    })
  }

  /** As an append that began at `fileSize` and that a death has cut short, maybe before its first byte. */
  resume(bytes: Uint8Array, fileSize: number): void {
    this.#surely(bytes, () => {
      this.#open()
      this.#put(bytes, (length) => Math.min(Math.max(this.#size - fileSize, 0), length))
    })
  }

  /** Another object after each change; null: nothing was lost. */
  loss(): Loss | null {
    return this.#loss
  }

  restoreLoss(loss: Loss | null): void {
    this.#loss = loss
  }

  /** Closes the file; the next append opens it again. */
  close(): void {
    if (this.#fd !== null) this.#options.disk.closeSync(this.#fd)
    this.#fd = null
  }

  /** Deletes every file of this log. */
  remove(): void {
    const { path, filesMax, disk } = this.#options
    this.close()
    for (let index = 0; index < filesMax; index++)
      disk.rmSync(rotatedPath(path, index), { force: true })
  }

  #open(): number {
    const { path, disk } = this.#options
    if (this.#fd !== null) return this.#fd
    this.#fd = disk.openSync(path, 'a+', 0o600)
    this.#size = disk.fstatSync(this.#fd).size
    return this.#fd
  }

  /** A power cut tore the last line; the next one must not join it. */
  #openWhole(): void {
    const { disk } = this.#options
    if (this.#fd !== null) return
    const file = this.#open()
    const last = Buffer.alloc(1)
    if (this.#size === 0 || disk.readSync(file, last, 0, 1, this.#size - 1) !== 1) return
    if (last[0] !== NEWLINE) this.#size += disk.writeSync(file, '\n')
  }

  /** From the newest on, only what stands in the way moves: so it can be cut short and done again. */
  #rotate(): void {
    const { path, filesMax, disk } = this.#options
    this.close()
    let free = 1
    while (free < filesMax && disk.existsSync(rotatedPath(path, free))) free++
    if (free === filesMax) disk.rmSync(rotatedPath(path, --free), { force: true })
    for (let index = free; index > 0; index--)
      disk.renameSync(rotatedPath(path, index - 1), rotatedPath(path, index))
  }

  /** `have`: how many bytes the file has already, of what this writes. */
  #put(bytes: Uint8Array, have: (length: number) => number): void {
    const first = this.#loss === null ? null : Buffer.from(this.#options.lostLine(this.#loss))
    const lines = first === null ? bytes : Buffer.concat([first, bytes])
    const [kept, why] = this.#write(lines, have(lines.length))
    if (kept === lines.length) this.#loss = null
    else if (first !== null && kept < first.length) this.#lose(bytes, why)
    else this.#loss = { count: countLines(lines.subarray(kept)), why }
  }

  /** Writes on after the first `have` bytes; how many are there for good, which are whole lines, and why not more. */
  #write(bytes: Uint8Array, have: number): [number, string] {
    const { disk } = this.#options
    const file = this.#open()
    const base = this.#size - have
    let written = have
    try {
      while (written < bytes.length) written += disk.writeSync(file, bytes, written)
      this.#size = base + written
      return [written, '']
    } catch (error) {
      const kept = bytes.subarray(0, written).lastIndexOf(NEWLINE) + 1
      this.#size = base + kept
      if (written > kept) disk.ftruncateSync(file, this.#size)
      return [kept, reason(error)]
    }
  }

  #lose(bytes: Uint8Array, why: string): void {
    this.#loss = { count: (this.#loss?.count ?? 0) + countLines(bytes), why }
  }

  #surely(bytes: Uint8Array, work: () => void): void {
    try {
      work()
    } catch (error) {
      // Opening, rotating or cutting failed; the next append opens again and repairs.
      this.#lose(bytes, reason(error))
      this.close()
    }
  }
}

const reason = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)

/** What `rotatedPath` makes of an app's name. */
const LOG_NAME = /^(.+)\.log(?:\.\d+)?$/

/** Deletes the log files in `dir` that are of none of these apps. Throws Node's fs errors. */
export function removeOtherLogs(dir: string, apps: ReadonlySet<string>): void {
  for (const name of fs.readdirSync(dir)) {
    const app = LOG_NAME.exec(name)?.[1]
    if (app !== undefined && !apps.has(app)) fs.rmSync(join(dir, name), { force: true })
  }
}
