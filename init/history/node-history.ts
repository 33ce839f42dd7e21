// What GET /v1/node/crashes tells, read anew from the disk: PID 1 keeps none of it in memory.
import { join } from 'node:path'
import type { NodeHistory } from '../../protocol/api.ts'
import { readEndedBoots, type BootFiles } from './boot-history.ts'
import { readCrashes } from './crash-store.ts'

/** `stateDirectory`: /var/lib/solocloud. */
export const crashDirectory = (stateDirectory: string): string => join(stateDirectory, 'crashes')
export const bootFiles = (stateDirectory: string): BootFiles => ({
  path: join(stateDirectory, 'boots.json'),
  proc: '/proc',
})

/** Never throws. */
export const nodeHistory = (stateDirectory: string): NodeHistory => ({
  crashes: readCrashes(crashDirectory(stateDirectory)),
  boots: readEndedBoots(bootFiles(stateDirectory)),
})
