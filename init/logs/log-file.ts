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
  | 'rmSync'
>

export interface LogFileOptions {
  path: string
  /** Of one file. */
  bytesMax: number
  /** All of them together: `path`, `path.1` (the newest of the old) and so on. */
  filesMax: number
  disk: Disk
  /** The line, with its newline, that stands for `count` lines that were lost. */
  lostLine: (count: number, why: string) => string
}

export interface LogFile {
  /** `bytes` are whole lines, of at most bytesMax. Never throws. */
  append(bytes: Uint8Array): void
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
  let lost = 0
  let why = ''

  const close = (): void => {
    if (fd !== null) disk.closeSync(fd)
    fd = null
  }

  const open = (): number => {
    if (fd !== null) return fd
    fd = disk.openSync(path, 'a+', 0o600)
    size = disk.fstatSync(fd).size
    const last = Buffer.alloc(1)
    // A power cut tore the last line; the next one must not join it.
    if (size > 0 && disk.readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE)
      size += disk.writeSync(fd, '\n')
    return fd
  }

  const rotate = (): void => {
    close()
    disk.rmSync(rotatedPath(path, filesMax - 1), { force: true })
    for (let index = filesMax - 2; index >= 0; index--) {
      try {
        disk.renameSync(rotatedPath(path, index), rotatedPath(path, index + 1))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
  }

  /** Writes what fits, in whole lines, and returns how many lines did not. */
  const write = (file: number, bytes: Uint8Array): number => {
    let written = 0
    try {
      while (written < bytes.length) written += disk.writeSync(file, bytes, written)
      size += written
      return 0
    } catch (error) {
      why = reason(error)
      const kept = bytes.subarray(0, written).lastIndexOf(NEWLINE) + 1
      size += kept
      if (written > kept) disk.ftruncateSync(file, size)
      return countLines(bytes.subarray(kept))
    }
  }

  const append = (bytes: Uint8Array): void => {
    let file = open()
    if (size > 0 && size + bytes.length > bytesMax) {
      rotate()
      file = open()
    }
    if (lost > 0) {
      if (write(file, Buffer.from(lostLine(lost, why))) > 0) {
        lost += countLines(bytes)
        return
      }
      lost = 0
    }
    lost += write(file, bytes)
  }

  return {
    append(bytes) {
      const before = lost
      try {
        append(bytes)
      } catch (error) {
        // Opening, rotating or cutting failed; the next append opens again and repairs.
        lost = before + countLines(bytes)
        why = reason(error)
        close()
      }
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
