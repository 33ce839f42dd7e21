// Lets a name lead to the node's file; at every moment it is the old one or the new one.
import { lstatSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { syncDirectory } from '../../../sys/durable-file.ts'

/** `file` is a name in the same directory. On disk when it returns. Throws Node's fs errors. */
export function pointAt(directory: string, name: string, file: string): void {
  const path = join(directory, name)
  if (name === file || leadsTo(path, join(directory, file), file)) return
  const partial = `${path}.solocloud`
  rmSync(partial, { force: true })
  symlinkSync(file, partial)
  renameSync(partial, path)
  syncDirectory(directory)
}

/** The link that we make, or another name of the very file. */
function leadsTo(path: string, real: string, file: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return false
  if (found.isSymbolicLink()) return readlinkSync(path) === file
  const { dev, ino } = statSync(real)
  return found.dev === dev && found.ino === ino
}
