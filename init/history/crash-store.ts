// The reports of PID 1's deaths, a small file each. A disk that takes none costs the report, never the node.
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { CrashReport } from '../../protocol/api.ts'
import { crashReport } from '../../protocol/wire.ts'
import { writeDurably, type WriteDisk } from '../../sys/durable-file.ts'
import type { Log } from '../supervisor/log.ts'

/** node:fs, or a disk that fails. */
export type CrashDisk = WriteDisk & Pick<typeof fs, 'mkdirSync' | 'readdirSync' | 'statSync'>

export interface CrashStoreOptions {
  /** /var/lib/solocloud/crashes */
  directory: string
  log: Log
  disk?: CrashDisk
}

export interface CrashStore {
  /** False when the disk did not take it; the log says why. Never throws. */
  write(report: CrashReport): boolean
}

/** All reports together; the oldest go first. */
export const FILES_MAX = 50
export const BYTES_MAX = 1024 * 1024
/** Of one report's parts: what is longer is cut, so that the newest report always has room. */
const TEXT_CHARS_MAX = 16 * 1024
const FRAMES_MAX = 128
const WORD_CHARS_MAX = 256

/** The time, without the characters that file systems of others refuse, and the number of the life. */
const NAME = /^(\d{4}-\d\d-\d\dT\d{6}\.\d{3}Z)-(\d+)\.json$/

interface Stored {
  path: string
  at: string
  life: number
}

export function createCrashStore({ directory, log, disk = fs }: CrashStoreOptions): CrashStore {
  return {
    write(report) {
      try {
        const text = `${JSON.stringify(bounded(report), null, 2)}\n`
        disk.mkdirSync(directory, { recursive: true, mode: 0o700 })
        const path = join(directory, nameOf(report))
        removePartial(directory, disk)
        makeRoom(directory, Buffer.byteLength(text), disk)
        writeDurably(path, text, disk)
        return true
      } catch (error) {
        log.error({ err: error, life: report.life }, 'the report of a death could not be stored')
        return false
      }
    },
  }
}

/** Newest first. What can't be read is left out; never throws. */
export function readCrashes(directory: string): CrashReport[] {
  try {
    return stored(directory, fs).flatMap(({ path }) => readReport(path) ?? [])
  } catch {
    return [] // There was no crash yet.
  }
}

function readReport(path: string): CrashReport | null {
  try {
    if (fs.statSync(path).size > BYTES_MAX) return null
    return crashReport(JSON.parse(fs.readFileSync(path, 'utf8')), 'report')
  } catch {
    return null
  }
}

const nameOf = ({ at, life }: CrashReport): string =>
  `${new Date(at).toISOString().replaceAll(':', '')}-${life}.json`

/** Newest first. Throws Node's fs errors. */
function stored(directory: string, disk: CrashDisk): Stored[] {
  const found = disk.readdirSync(directory).flatMap((name): Stored[] => {
    const [, at = '', life = ''] = NAME.exec(name) ?? []
    return at === '' ? [] : [{ path: join(directory, name), at, life: Number(life) }]
  })
  return found.sort((one, other) =>
    one.at === other.at ? other.life - one.life : one.at < other.at ? 1 : -1,
  )
}

/** Deletes the oldest until one more report of `bytes` keeps the limits. */
function makeRoom(directory: string, bytes: number, disk: CrashDisk): void {
  let left = BYTES_MAX - bytes
  for (const [index, { path }] of stored(directory, disk).entries()) {
    left -= disk.statSync(path).size
    if (index >= FILES_MAX - 1 || left < 0) disk.rmSync(path)
  }
}

/** A power cut while a report was being written. */
function removePartial(directory: string, disk: CrashDisk): void {
  for (const name of disk.readdirSync(directory))
    if (name.endsWith('.partial')) disk.rmSync(join(directory, name), { force: true })
}

function bounded(report: CrashReport): CrashReport {
  const word = (text: string): string => text.slice(0, WORD_CHARS_MAX)
  return {
    ...report,
    reason: word(report.reason),
    address: report.address && word(report.address),
    nativeStack: report.nativeStack.slice(0, FRAMES_MAX).map(word),
    jsStack: report.jsStack && report.jsStack.slice(0, TEXT_CHARS_MAX),
    thread: report.thread && word(report.thread),
    version: word(report.version),
  }
}
