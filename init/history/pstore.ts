// Takes what the kernel of the boot before has left in pstore: firmware or memory that outlives a reset.
import { closeSync, existsSync, openSync, readdirSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { mount, umount } from '../../sys/mount.ts'
import type { Native } from '../../sys/native.ts'
import type { Log } from '../supervisor/log.ts'
import type { BootHistory } from './boot-history.ts'
import { panicText } from './panic-text.ts'

export interface PstoreOptions {
  native: Native
  log: Log
  history: Pick<BootHistory, 'addPanic'>
  /** /sys/fs/pstore, where a kernel that has it wants it. */
  directory?: string
}

/** Of one record. */
const RECORD_BYTES_MAX = 64 * 1024
/** EFI variables hold a kilobyte or two each, so that one panic takes several. */
const RECORDS_MAX = 16

/**
 * Adds the last words of a panic to the boot before, and makes room for those of the next. pstore is mounted
 * for that moment only. Does nothing on a machine that isn't ours; never throws.
 */
export function takePanic(options: PstoreOptions): void {
  const { native, log, directory = '/sys/fs/pstore' } = options
  if (native.ownsMachine() !== 1 || !existsSync(directory)) return
  try {
    mountPstore(native, directory)
    try {
      moveRecords(options, directory)
    } finally {
      umount(native, directory, ['noFollow'])
    }
  } catch (error) {
    log.warn({ err: error }, 'what the kernel of the boot before said is not known')
  }
}

function mountPstore(native: Native, directory: string): void {
  mount(native, {
    ...{ source: 'pstore', target: directory, fstype: 'pstore', data: '' },
    flags: ['noSuid', 'noDev', 'noExec'],
  })
}

function moveRecords({ log, history }: PstoreOptions, directory: string): void {
  const names = readdirSync(directory).filter((name) => name.startsWith('dmesg-'))
  // Records are numbered: in the order of their names, shorter numbers first.
  names.sort((one, other) => one.length - other.length || (one < other ? -1 : 1))
  const records = names
    .slice(-RECORDS_MAX)
    .flatMap((name) => readRecord(join(directory, name), log) ?? [])
  const text = panicText(records)
  if (text !== null && !history.addPanic(text)) return
  for (const name of names) rmSync(join(directory, name), { force: true })
}

/** null when the firmware does not give it: the others may still tell enough. */
function readRecord(path: string, log: Log): string | null {
  try {
    const fd = openSync(path, 'r')
    try {
      const bytes = Buffer.alloc(RECORD_BYTES_MAX)
      return bytes.toString('utf8', 0, readSync(fd, bytes))
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    log.warn({ err: error }, 'a record of a panic can not be read')
    return null
  }
}
