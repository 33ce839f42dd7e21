// A directory for one run of a program, below build/. What a killed run has left goes at the next one.
import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { removeNodeDirectory } from './node-directory.ts'

/** `parent`/<our pid>, made if need be; removes those of processes that are no more. */
export async function makeScratch(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true })
  for (const name of await readdir(parent)) {
    if (/^\d+$/.test(name) && !existsSync(`/proc/${name}`)) {
      await removeNodeDirectory(join(parent, name))
    }
  }
  const dir = join(parent, String(process.pid))
  await mkdir(dir, { recursive: true, mode: 0o700 })
  return dir
}
