// The role `unpack` with the word `pack`: chrooted into /chroots, it reads a request (protocol/backup.ts) from
// descriptor 0 and writes the archive to descriptor 1. What it can't do is a line on descriptor 2.
import { readFileSync, writeSync } from 'node:fs'
import process from 'node:process'
import { backupRequest } from '../../protocol/backup.ts'
import { loadNative } from '../../sys/load.ts'
import { packBackup } from './pack-backup.ts'
import { TarOutput } from './tar-output.ts'

const [REQUEST_FD, ARCHIVE_FD, ERROR_FD] = [0, 1, 2]

export function packMain(): never {
  process.exit(run())
}

/** The exit status. */
function run(): 0 | 1 {
  try {
    const request = backupRequest(JSON.parse(readFileSync(REQUEST_FD, 'utf8')), 'the request')
    packBackup('', request, { native: loadNative(), output: new TarOutput(ARCHIVE_FD) })
    return 0
  } catch (error) {
    writeSync(ERROR_FD, `${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
}
