// The boot log: short lines for people on the console, everything as JSON in /run/solocloud/boot.log.
import { closeSync, constants, fstatSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { pino } from 'pino'
import type { Log } from './supervisor/log.ts'
import { makeDirectory } from './boot/make-directory.ts'

export interface BootLog extends Log {
  /** A line for people; the file has it too. */
  say(line: string): void
  /** A warning for people; the file has the error as well. `error` is null where nothing was thrown. */
  complain(problem: string, error: unknown): void
  /** From when /run and /dev are there; what was logged before is written then. */
  open(file: string): void
}

export interface Terminal {
  write(text: string): void
}

const O_FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_NOCTTY | constants.O_NONBLOCK

/** Lines kept until `open`; more are dropped, oldest first. */
const EARLY_LINES_MAX = 1000
/** /run is memory. One full file is kept beside the current one. */
const FILE_BYTES_MAX = 512 * 1024

/**
 * Standard output, opened anew: non-blocking, so that a stuck serial line or a stopped terminal cannot
 * stop PID 1, and without changing the terminal for others who share it. What it does not take is lost.
 */
export function openTerminal(): Terminal {
  let fd: number | null = null
  const open = (): number | null => {
    for (const path of ['/proc/self/fd/1', '/dev/console']) {
      try {
        return openSync(path, O_FLAGS)
      } catch {
        // Closed, gone or not ours: the next one.
      }
    }
    return null
  }
  return {
    write(text) {
      fd ??= open()
      try {
        if (fd !== null) writeSync(fd, text)
      } catch (error) {
        // EIO after a hang-up: the descriptor stays dead, a new one may work. EAGAIN: it is only slow.
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN' || fd === null) return
        closeSync(fd)
        fd = null
      }
    },
  }
}

export function createBootLog(terminal: Terminal): BootLog {
  const file = new LogFile()
  const logger = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => file.write(line) },
  )
  const show = (line: string): void => terminal.write(`${printable(line)}\n`)
  return {
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    say(line) {
      logger.info(line)
      show(`solocloud: ${line}`)
    },
    complain(problem, error) {
      if (error === null) logger.warn(problem)
      else logger.warn({ err: error }, problem)
      const why = error instanceof Error ? `: ${error.message}` : ''
      show(`solocloud: warning: ${problem}${why}`)
    },
    open: (path) => file.open(path),
  }
}

/** Names from the network and from images get here: nothing may move the cursor or clear the screen. */
const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, '?')

/** Synchronous, because the line before a death is the one that matters. Never throws. */
class LogFile {
  #early: string[] = []
  #path: string | null = null
  #fd: number | null = null
  #bytes = 0

  open(path: string): void {
    this.#path = path
    try {
      makeDirectory(dirname(path), 0o700)
      this.#fd = openSync(path, 'a', 0o600)
      this.#bytes = fstatSync(this.#fd).size
    } catch {
      this.#fd = null
      return
    }
    for (const line of this.#early.splice(0)) this.write(line)
  }

  write(line: string): void {
    if (this.#fd === null) {
      this.#early.push(line)
      if (this.#early.length > EARLY_LINES_MAX) this.#early.shift()
      return
    }
    try {
      this.#bytes += writeSync(this.#fd, line)
      if (this.#bytes > FILE_BYTES_MAX) this.#rotate()
    } catch {
      // A full /run: there is no better place to tell it.
    }
  }

  #rotate(): void {
    if (this.#path === null || this.#fd === null) return
    renameSync(this.#path, `${this.#path}.1`)
    closeSync(this.#fd)
    this.open(this.#path)
  }
}
