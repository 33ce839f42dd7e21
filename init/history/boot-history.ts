// How the boots before this one ended, in one small file: a boot that began and was not shut down was cut off.
import { readFileSync, statSync } from 'node:fs'
import type { BootEnd } from '../../protocol/api.ts'
import { list, record, string } from '../../protocol/decode.ts'
import { bootEnd } from '../../protocol/wire.ts'
import type { How } from '../power.ts'
import { writeDurably, type WriteDisk } from '../../sys/durable-file.ts'
import type { Log } from '../supervisor/log.ts'

export interface BootFiles {
  /** /var/lib/solocloud/boots.json */
  path: string
  /** /proc */
  proc: string
}

export interface BootHistoryOptions extends BootFiles {
  version: string
  wallMs: () => number
  log: Log
  disk?: WriteDisk
}

/** Never throws: a disk that takes nothing costs the history, and the log says so. */
export interface BootHistory {
  /** This boot has begun, if this is its first life. */
  begin(): void
  /** It was shut down: for when the apps have ended, before the disk is taken away. */
  end(how: How, reason: string): void
  /** What the kernel last said in the boot before. False when that could not be stored. */
  addPanic(text: string): boolean
}

/** Boots that are over and remembered. */
const BOOTS_MAX = 20
/** Twenty panics of 4 KiB, as JSON, with room. */
const FILE_BYTES_MAX = 1024 * 1024

interface Boots {
  /** Of the boot that is `current`. */
  id: string
  current: BootEnd
  /** Newest first. */
  ended: BootEnd[]
}
const boots = record<Boots>({ id: string, current: bootEnd, ended: list(bootEnd) })

export function createBootHistory(options: BootHistoryOptions): BootHistory {
  const { path, proc, version, log, disk } = options
  const now = (): string => new Date(options.wallMs()).toISOString()
  const save = (file: Boots): void => writeDurably(path, `${JSON.stringify(file, null, 2)}\n`, disk)
  const attempt = (without: string, act: () => void): boolean => {
    try {
      act()
      return true
    } catch (error) {
      log.error({ err: error }, without)
      return false
    }
  }
  /** The file, with this boot as its current one. Throws Node's fs errors. */
  const current = (): Boots => {
    const id = bootId(proc)
    const file = readBoots(path)
    if (file?.id === id) return file
    const boot = { startedAt: now(), version, shutDown: null, panic: null }
    return { id, current: boot, ended: file === null ? [] : endedOf(file) }
  }

  return {
    begin: () => void attempt('the beginning of this boot is not recorded', () => save(current())),
    end: (how, reason) =>
      void attempt('the end of this boot is not recorded', () => {
        const file = current()
        save({ ...file, current: { ...file.current, shutDown: { how, reason, at: now() } } })
      }),
    addPanic: (text) =>
      attempt("the kernel's last words are not recorded", () => {
        const file = current()
        const [last, ...before] = file.ended
        if (last === undefined) log.warn({ text }, 'a kernel of before this installation said')
        else save({ ...file, ended: [{ ...last, panic: text }, ...before] })
      }),
  }
}

/** Newest first. Without a file, or with a damaged one, there are none; never throws. */
export function readEndedBoots({ path, proc }: BootFiles): BootEnd[] {
  const file = readBoots(path)
  if (file === null) return []
  try {
    return file.id === bootId(proc) ? file.ended : endedOf(file)
  } catch {
    return file.ended
  }
}

const endedOf = ({ current, ended }: Boots): BootEnd[] => [current, ...ended].slice(0, BOOTS_MAX)

function readBoots(path: string): Boots | null {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) return null
    return boots(JSON.parse(readFileSync(path, 'utf8')), path)
  } catch {
    return null
  }
}

/** Field 22 of proc_pid_stat(5), counted from the state, which follows the name in parentheses. */
const START_TIME = 22 - 3

/**
 * The same for all lives of one boot, as exec keeps a process's start time. The kernel's boot id alone does
 * not tell one start of a container from the next. Throws Node's fs errors.
 */
function bootId(proc: string): string {
  const kernel = readFileSync(`${proc}/sys/kernel/random/boot_id`, 'utf8').trim()
  const stat = readFileSync(`${proc}/self/stat`, 'latin1')
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[START_TIME] ?? ''
  return `${kernel} ${started}`
}
