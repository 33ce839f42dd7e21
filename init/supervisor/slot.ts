// One app as the supervisor keeps it, and what its operations have in common.
import type { AppStatus } from '../../protocol/api.ts'
import type { AppLog } from '../logs/app-log.ts'
import type { Generation } from '../state/state.ts'
import type { Image } from './app-process.ts'
import type { Runner } from './runner.ts'

export interface Installed extends Generation {
  image: Image
}

export interface Operation {
  kind: 'push' | 'restart' | 'rollback'
  cancel: AbortController
  /** Resolves at its end, however that is. */
  done: Promise<void>
}

export interface Slot {
  name: string
  runner: Runner
  log: AppLog
  /** null during the first push only. */
  current: Installed | null
  previous: Installed | null
  operation: Operation | null
  removing: Promise<void> | null
}

export function slotStatus(slot: Slot, nodeIsolation: AppStatus['isolation']): AppStatus {
  const { name, runner, current, previous, operation } = slot
  const { state, isolation, pid, startedAt, restarts, lastExit, error } = runner.status()
  return {
    name,
    state,
    isolation: isolation ?? nodeIsolation,
    pid,
    startedAt,
    restarts,
    lastExit,
    error,
    generation: current?.number ?? 0,
    previousGeneration: previous?.number ?? null,
    digest: current?.digest ?? '',
    version: current?.image.manifest.version ?? null,
    management: current?.image.manifest.management ?? false,
    deploying: operation?.kind === 'push',
  }
}
