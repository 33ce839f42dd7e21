// When a purge may be, one at a time, and that one which a boot has cut off goes on.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Purged, PurgeProgress } from '../../protocol/api.ts'
import type { BootLog } from '../console.ts'
import { AppError } from '../supervisor/apps.ts'
import type { KeptRecord } from './kept-record.ts'
import { purge, type PurgePlace } from './purge/purge.ts'

export type OnPurge = (progress: PurgeProgress) => void

/** Of a kernel that has it switched on. */
const SELINUX = 'sys/fs/selinux'
const MIB = 1024 ** 2

export class Purges {
  readonly #record: KeptRecord
  readonly #log: BootLog
  readonly #place: PurgePlace
  #running: { stop: AbortController; ended: Promise<unknown> } | null = null

  constructor(record: KeptRecord, log: BootLog, place: PurgePlace) {
    this.#record = record
    this.#log = log
    this.#place = place
  }

  /** `keep` is for every purge from now on. Rejects with AppError. */
  async run(keep: readonly string[], tell: OnPurge): Promise<Purged> {
    this.#refuse()
    const stop = new AbortController()
    const ended = this.#purge(keep, tell, stop.signal).finally(() => (this.#running = null))
    this.#running = { stop, ended: ended.catch(() => undefined) }
    return ended
  }

  /** Nobody waits for it; the console tells how it ends. */
  runInBackground(): void {
    this.run([], () => undefined).catch((error: unknown) => {
      this.#log.complain('the old system is not removed', error)
    })
  }

  /** Resolves when nothing is removed any more. */
  async stop(): Promise<void> {
    this.#running?.stop.abort(
      new AppError('shutting-down', 'The node is going down; the purge goes on after its boot.'),
    )
    await this.#running?.ended
  }

  #refuse(): void {
    if (this.#running !== null)
      throw new AppError('purge-in-progress', 'A purge is under way; wait for its end.')
    const { state } = this.#record.value
    if (state === 'trial')
      throw new AppError(
        'not-confirmed',
        'The node is on trial, and the old system is what it goes back to; `cloud confirm` it first.',
      )
    if (state === 'uninstalling')
      throw new AppError('uninstalling', 'The node is being removed, and the old system stays.')
    // dracut loads the policy by a program of the root file system, and else stops the boot.
    if (existsSync(join(this.#place.root, SELINUX)))
      throw new AppError(
        'selinux',
        'SELinux is on, and the initramfs takes its policy from the old system, which has to stay: ' +
          'boot the node with selinux=0 on the kernel command line first.',
      )
  }

  async #purge(keep: readonly string[], tell: OnPurge, signal: AbortSignal): Promise<Purged> {
    const record = this.#record
    try {
      const { purge: wanted } = record.value
      const kept = [...new Set([...wanted.keep, ...keep])]
      // On disk before the first deletion: a later boot must leave the same.
      record.write({ state: 'purging', purge: { ...wanted, keep: kept } })
      this.#log.say('removing the old system')
      const purged = await purge(this.#place, { record: record.value, tell, signal })
      record.write({ state: 'purged' })
      this.#tell(purged)
      return purged
    } catch (error) {
      if (error instanceof AppError) throw error
      const detail =
        `The old system is not removed: ${(error as Error).message}; ` +
        'it goes on with the next boot, or when it is asked for again.'
      this.#log.error({ err: error }, 'the purge has failed')
      throw new AppError('purge-failed', detail)
    }
  }

  #tell({ entries, freedBytes, left, leftCount }: Purged): void {
    const freed = (freedBytes / MIB).toFixed(1)
    this.#log.say(`the old system is removed: ${entries} files, ${freed} MiB freed`)
    for (const { path, reason } of left) this.#log.warn({ path, reason }, 'stays after the purge')
    if (leftCount > 0)
      this.#log.complain(`${leftCount} files of the old system could not be removed`, null)
  }
}
