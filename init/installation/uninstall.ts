// Gives the machine back to the old system: first what boots it, then all that the installation has made.
import { rmSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { BootLog } from '../console.ts'
import { AppError } from '../supervisor/apps.ts'
import { removeTree } from '../supervisor/remove-tree.ts'
import { fileNames } from '../upgrade/file-names.ts'
import type { KeptRecord } from './kept-record.ts'

export interface UninstallParts {
  record: KeptRecord
  log: BootLog
  /** STATE_DIRECTORY, where its record is. */
  stateDirectory: string
  /** Where something is mounted at or below a path. */
  mountsBelow: (path: string) => readonly string[]
}

/** The old system is what boots from now on. Throws AppError, and then the node still is. */
export function giveBoot({ record }: UninstallParts): void {
  const { state, once, permanent } = record.value
  if (state === 'purging' || state === 'purged')
    throw new AppError(
      'purged',
      'The old system has been removed, so there is nothing to go back to; ' +
        "install another one from the provider's console.",
    )
  record.write({ state: 'uninstalling' })
  const changes = state === 'trial' ? once : permanent
  const problems = record.takeBack(changes)
  if (problems.length === 0 || state === 'trial') return
  if (state === 'confirmed') problems.push(...stayConfirmed(record))
  const detail = `What the old system boots from can't be given back: ${problems.join('; ')}`
  throw new AppError('uninstall-failed', detail)
}

/** Why the node may not be what boots after all. */
function stayConfirmed(record: KeptRecord): string[] {
  try {
    record.make(record.value.permanent)
    record.write({ state: 'confirmed' })
    return []
  } catch (error) {
    return [`and the node may not be what boots: ${(error as Error).message}`]
  }
}

/** Removes what nothing of the node needs any more; no app runs. Never rejects. */
export async function removeCreated(parts: UninstallParts): Promise<void> {
  const { record, stateDirectory } = parts
  const { created, file } = record.value
  const last = [stateDirectory, file]
  for (const path of created.filter((one) => !last.includes(one))) await remove(parts, path)
  if (!created.includes(stateDirectory)) return
  // The larger part of it, so that what is left for the end takes no time.
  const entries = await readdir(stateDirectory, { withFileTypes: true }).catch(() => [])
  for (const entry of entries)
    if (entry.isDirectory() && entry.name !== 'installation')
      await remove(parts, join(stateDirectory, entry.name))
}

/** The rest, once nothing of the node is open any more. Throws Node's fs errors. */
export function removeLast({ record, stateDirectory }: UninstallParts): void {
  const { created, file } = record.value
  if (created.includes(file)) {
    const { proven, fresh, previous, link } = fileNames(file)
    for (const path of [fresh, previous, link, proven]) rmSync(path, { force: true })
  }
  if (created.includes(stateDirectory)) rmSync(stateDirectory, { recursive: true, force: true })
}

async function remove({ log, mountsBelow }: UninstallParts, path: string): Promise<void> {
  try {
    const [mounted] = mountsBelow(path)
    if (mounted !== undefined) throw new Error(`${mounted} is mounted`)
    await removeTree(path)
  } catch (error) {
    log.complain(`${path} stays`, error)
  }
}
