// One app's log on disk: appended in whole lines, rotated by size, bounded. A disk that does not take a line
// costs that line, never the app; what was lost is counted and written down once there is room.
import * as fs from 'node:fs'

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

export interface LogFile {
  /** `bytes` are whole lines, of at most bytesMax; `begins` is told where, before the first byte. Never throws. */
  append(bytes: Uint8Array, begins: (fileSize: number) => void): void
  /** As an append that began at `fileSize` and that a death has cut short, maybe before its first byte. */
  resume(bytes: Uint8Array, fileSize: number): void
  /** Another object after each change; null: nothing was lost. */
  loss(): Loss | null
  restoreLoss(loss: Loss | null): void
  /** Closes the file; the next append opens it again. */
  close: () => void
  /** Deletes every file of this log. */
  remove(): void
}

const NEWLINE = 0x0a

export const rotatedPath = (path: string, index: number): string =>
  index === 0 ? path : `${path}.${index}`

function countLines(bytes: Uint8Array): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++
  return count
}

export function createLogFile({
  path,
  bytesMax,
  filesMax,
  disk,
  lostLine,
}: LogFileOptions): LogFile {
  let fd: number | null = null
  let size = 0
  let loss: Loss | null = null

  const close = (): void => {
    if (fd !== null) disk.closeSync(fd)
    fd = null
  }

  const open = (): number => {
    if (fd !== null) return fd
    fd = disk.openSync(path, 'a+', 0o600)
    size = disk.fstatSync(fd).size
    return fd
  }

  /** A power cut tore the last line; the next one must not join it. */
  const openWhole = (): number => {
    if (fd !== null) return fd
    const file = open()
    const last = Buffer.alloc(1)
    if (size > 0 && disk.readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE)
      size += disk.writeSync(file, '\n')
    return file
  }

  /** From the newest on, only what stands in the way moves: so it can be cut short and done again. */
  const rotate = (): void => {
    close()
    let free = 1
    while (free < filesMax && disk.existsSync(rotatedPath(path, free))) free++
    if (free === filesMax) disk.rmSync(rotatedPath(path, --free), { force: true })
    for (let index = free; index > 0; index--)
      disk.renameSync(rotatedPath(path, index - 1), rotatedPath(path, index))
  }

  /** Writes on after the first `have` bytes, and returns how many are there for good: whole lines. */
  const write = (file: number, bytes: Uint8Array, have: number): [number, string] => {
    const base = size - have
    let written = have
    try {
      while (written < bytes.length) written += disk.writeSync(file, bytes, written)
      size = base + written
      return [written, '']
    } catch (error) {
      const kept = bytes.subarray(0, written).lastIndexOf(NEWLINE) + 1
      size = base + kept
      if (written > kept) disk.ftruncateSync(file, size)
      return [kept, reason(error)]
    }
  }

  /** `have`: how many bytes the file has already, of what this writes. */
  const put = (file: number, bytes: Uint8Array, have: (length: number) => number): void => {
    const first = loss === null ? null : Buffer.from(lostLine(loss))
    const lines = first === null ? bytes : Buffer.concat([first, bytes])
    const [kept, why] = write(file, lines, have(lines.length))
    if (kept === lines.length) loss = null
    else if (first !== null && kept < first.length) lose(bytes, why)
    else loss = { count: countLines(lines.subarray(kept)), why }
  }
  const lose = (bytes: Uint8Array, why: string): void => {
    loss = { count: (loss?.count ?? 0) + countLines(bytes), why }
  }
  const surely = (bytes: Uint8Array, work: () => void): void => {
    try {
      work()
    } catch (error) {
      // Opening, rotating or cutting failed; the next append opens again and repairs.
      lose(bytes, reason(error))
      close()
    }
  }

  return {
    append(bytes, begins) {
      surely(bytes, () => {
        let file = openWhole()
        if (size > 0 && size + bytes.length > bytesMax) {
          rotate()
          file = openWhole()
        }
        begins(size)
        put(file, bytes, () => 0)
      })
    },
    resume(bytes, fileSize) {
      surely(bytes, () => {
        const file = open()
        put(file, bytes, (length) => Math.min(Math.max(size - fileSize, 0), length))
      })
    },
    loss: () => loss,
    restoreLoss(restored) {
      loss = restored
    },
    close,
    remove() {
      close()
      for (let index = 0; index < filesMax; index++)
        disk.rmSync(rotatedPath(path, index), { force: true })
    },
  }
}

const reason = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)
