// Other versions of the built file: build/init with some of its text replaced by text of the same length.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeTable, TABLE_SIZE } from '../../bundle/table.ts'

const INIT = join(import.meta.dirname, '../../build/init')

/** What is to be replaced, and by what. */
export type Change = readonly [from: string, to: string]

/** Another version number. */
export const VERSION_2: Change = ['"0.1.0"', '"0.2.0"']
/** Its management server takes connections and answers nothing. */
export const MUTE: Change = ['server.on("request",', 'server.on("rekuest",']
/** It dies of an uncaught exception as soon as it is up, in every life. */
export const DYING: Change = ['node2.startNetwork(),', 'setTimeout(()=>gg,9),']

/** The file at `path` with the addon's ELF header gone: its bytes are there, and no library. */
export async function breakAddon(path: string): Promise<string> {
  const bytes = await readFile(path)
  const parts = decodeTable(bytes.subarray(-TABLE_SIZE)) ?? []
  const addon = parts.find(({ kind }) => kind === 'addon')
  if (addon === undefined) throw new Error(`${path} has no addon`)
  bytes.fill(0, addon.offset, addon.offset + 4)
  await writeFile(path, bytes)
  return path
}

/** Writes it to `path`, executable. Throws unless each text is there exactly once. */
export async function makeOtherInit(path: string, ...changes: readonly Change[]): Promise<string> {
  const bytes = await readFile(INIT)
  for (const [from, to] of changes) {
    const at = bytes.indexOf(from)
    if (at < 0 || bytes.indexOf(from, at + 1) >= 0)
      throw new Error(`${from} is not exactly once in ${INIT}`)
    if (from.length !== to.length) throw new Error(`${to} has not the length of ${from}`)
    bytes.write(to, at)
  }
  await writeFile(path, bytes, { mode: 0o755 })
  return path
}
