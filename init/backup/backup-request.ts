// What is to be in a backup of this node as it is now.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AppStatus, NodeStatus } from '../../protocol/api.ts'
import type { BackupRequest } from '../../protocol/backup.ts'

/** The copy of the settings beside the state database, which is never behind it. */
const SETTINGS = 'settings.json'

export function backupRequest(
  stateDirectory: string,
  { version, hostname, architecture }: Pick<NodeStatus, 'version' | 'hostname' | 'architecture'>,
  apps: readonly AppStatus[],
): BackupRequest {
  return {
    head: {
      version: 1,
      createdAt: new Date().toISOString(),
      node: { version, hostname, architecture },
      apps: apps.map(({ name, digest, version: ofImage }) => ({ name, digest, version: ofImage })),
    },
    settings: settingsIn(stateDirectory),
    generations: apps.map(({ generation }) => generation),
  }
}

/** Where nothing was ever set, there is no copy. */
function settingsIn(stateDirectory: string): string {
  try {
    return readFileSync(join(stateDirectory, SETTINGS), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '{}\n'
    throw error
  }
}
