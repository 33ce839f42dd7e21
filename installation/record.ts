// Reads and writes the record of an installation; a power cut leaves the old or the new one.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { installation, type Installation } from '../protocol/installation.ts'
import { writeDurably } from '../sys/durable-file.ts'
import { RECORD } from './places.ts'

/** null when there is none. Throws when it can't be read or is of another version. */
export function readInstallation(directory: string): Installation | null {
  const path = join(directory, RECORD)
  if (!existsSync(path)) return null
  return installation(JSON.parse(readFileSync(path, 'utf8')), path)
}

/** Throws Node's fs errors, and nothing has changed then. */
export function writeInstallation(directory: string, value: Installation): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  writeDurably(join(directory, RECORD), `${JSON.stringify(value, null, 2)}\n`)
}
