// What PID 1 does about how it came onto this machine: the first boot is on trial until it is confirmed.
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { readInstallation } from '../../installation/record.ts'
import type { Purged } from '../../protocol/api.ts'
import type { InstallationStatus } from '../../protocol/installation.ts'
import type { Life } from '../../sys/life.ts'
import type { Native } from '../../sys/native.ts'
import type { BootLog } from '../console.ts'
import type { NodeNotes } from '../node-notes.ts'
import { AppError } from '../supervisor/apps.ts'
import type { Clock } from '../supervisor/clock.ts'
import { mountsBelow } from '../supervisor/mounts.ts'
import { KeptRecord } from './kept-record.ts'
import type { PurgePlace } from './purge/purge.ts'
import { Purges, type OnPurge } from './purges.ts'
import { giveBoot, removeCreated, removeLast, type UninstallParts } from './uninstall.ts'

export interface InstallationParts {
  native: Pick<Native, 'ioctl' | 'ownsMachine'>
  life: Pick<Life, 'get'>
  notes: NodeNotes
  log: BootLog
  clock: Clock
  /** INSTALLATION_DIRECTORY */
  directory: string
  /** What a purge removes from. */
  place: PurgePlace
}

/** What the lives of one boot on trial share. */
interface TrialNote {
  /** CLOCK_MONOTONIC. */
  endsMs: number
  problems: string[]
}

const NOTE = 'installation'
/** A timer can't wait for longer than 24 days. */
const LOOK_MS_MAX = 3_600_000
/** A note has 4 KiB. */
const KEPT_PROBLEMS_MAX = 5
const KEPT_CHARS_MAX = 200
const TRIAL_OVER = 'the trial ended without a confirmation'

/** Reads the record, and takes back on trial what makes the node boot. Never throws. */
export function beginInstallation(parts: InstallationParts): NodeInstallation {
  const { native, directory, log } = parts
  try {
    const value = readInstallation(directory)
    const record = value === null ? null : new KeptRecord(native, directory, value)
    return new NodeInstallation(parts, record, [])
  } catch (error) {
    const problem = `the record of the installation can't be used: ${(error as Error).message}`
    log.complain(problem, null)
    return new NodeInstallation(parts, null, [problem])
  }
}

export class NodeInstallation {
  readonly #parts: InstallationParts
  readonly #record: KeptRecord | null
  readonly #purges: Purges | null
  readonly #problems: string[]
  /** CLOCK_MONOTONIC; null when there is no trial. */
  #trialEndsMs: number | null = null
  #disarm = (): void => undefined
  /** The last one, so that each is told once. */
  #confirmProblem = ''

  constructor(parts: InstallationParts, record: KeptRecord | null, problems: readonly string[]) {
    this.#parts = parts
    this.#record = record
    this.#problems = [...problems]
    this.#purges = record === null ? null : new Purges(record, parts.log, parts.place)
    if (record?.value.state === 'trial') this.#beginTrial(record)
  }

  /** null on a node that was not installed over anything. */
  status(): InstallationStatus | null {
    return this.#record === null ? null : this.#statusOf(this.#record)
  }

  #statusOf({ value: { method, state } }: KeptRecord): InstallationStatus {
    return { method, state, trialEndsAt: this.#trialEndsAt() }
  }

  /** What has gone wrong, one sentence each. */
  problems(): readonly string[] {
    return this.#problems
  }

  /**
   * Calls `goBack` when the trial's time is over, maybe at once. `bootTrialMs`: what the kernel's words say, which
   * counts where there is no record, as on a disk that could not be mounted.
   */
  watchTrial(bootTrialMs: number | null, goBack: (reason: string) => void): void {
    if (this.#record === null && bootTrialMs !== null) this.#beginLostTrial(bootTrialMs)
    this.#watchEnd(goBack)
  }

  #watchEnd(goBack: (reason: string) => void): void {
    if (this.#trialEndsMs === null) return
    const { clock } = this.#parts
    const leftMs = this.#trialEndsMs - clock.nowMs()
    if (leftMs <= 0) goBack(TRIAL_OVER)
    else this.#disarm = clock.after(Math.min(leftMs, LOOK_MS_MAX), () => this.#watchEnd(goBack))
  }

  /**
   * Makes the node what this machine boots; again, it changes nothing. A power cut on the way leaves the old
   * system or the node. Throws AppError, and the trial goes on.
   */
  confirm(by: string): InstallationStatus {
    const record = this.#recordOr('There is nothing to confirm')
    const { state } = record.value
    if (state === 'uninstalling')
      throw new AppError('uninstalling', 'The node is being removed; it can be installed again.')
    if (state === 'trial') this.#endTrial(record, by)
    return this.#statusOf(record)
  }

  #endTrial(record: KeptRecord, by: string): void {
    this.#refuseLate()
    try {
      record.make(record.value.permanent)
      record.write({ state: 'confirmed' })
    } catch (error) {
      throw this.#notConfirmed(record, error as Error)
    }
    this.#disarm()
    this.#trialEndsMs = null
    this.#parts.log.say(`confirmed by ${by}: from now on this machine boots the node`)
    if (record.value.purge.onConfirm) this.#purges?.runInBackground()
  }

  /** `cloud` was answered: who can reach the node this way can go on with it. Never throws. */
  noticeCloud(by: string): void {
    if (this.#record?.value.state !== 'trial') return
    try {
      this.confirm(by)
    } catch (error) {
      const { message } = error as Error
      if (message !== this.#confirmProblem) this.#parts.log.complain(message, null)
      this.#confirmProblem = message
    }
  }

  /**
   * Removes the old system's userland, apart from what the node and its boot need and what `keep` names.
   * Rejects with AppError; then what is gone is gone, and it can be asked for again.
   */
  async purge(keep: readonly string[], tell: OnPurge): Promise<Purged> {
    this.#recordOr('There is no old system to remove')
    if (this.#purges === null) throw new Error('BUG: a record without its purges')
    return this.#purges.run(keep, tell)
  }

  /** From now on the old system is what boots; `removeCreated` and `removeLast` are due. Throws AppError. */
  giveBoot(): void {
    const record = this.#recordOr('There is no old system to go back to')
    giveBoot(this.#uninstalls(record))
    this.#disarm()
    this.#trialEndsMs = null
    this.#parts.log.say('uninstalling: from now on this machine boots the old system')
  }

  /** Once no app runs. Never rejects. */
  async removeCreated(): Promise<void> {
    if (this.#record !== null) await removeCreated(this.#uninstalls(this.#record))
  }

  /** Once nothing of the node is open. Throws Node's fs errors. */
  removeLast(): void {
    if (this.#record !== null) removeLast(this.#uninstalls(this.#record))
  }

  /** What the boot before has left to do; `uninstall` is what is to be done for that. */
  resume(uninstall: () => void): void {
    const state = this.#record?.value.state
    if (state === 'purging') this.#purges?.runInBackground()
    else if (state === 'uninstalling') uninstall()
  }

  /** The node goes down. Resolves when nothing more is removed. */
  async stop(): Promise<void> {
    await this.#purges?.stop()
  }

  #uninstalls(record: KeptRecord): UninstallParts {
    const { log, directory, place } = this.#parts
    return {
      ...{ record, log, stateDirectory: dirname(directory) },
      mountsBelow: (path) => mountsBelow(readFileSync(place.mountInfo, 'utf8'), path),
    }
  }

  #recordOr(nothing: string): KeptRecord {
    if (this.#record !== null) return this.#record
    const why =
      this.#trialEndsMs === null
        ? 'this node was not installed over another system'
        : 'the record of the installation is not there (`cloud node` says more)'
    const detail = `${nothing}: ${why}.`
    throw new AppError('not-installed', detail)
  }

  #refuseLate(): void {
    if (this.#parts.clock.nowMs() < (this.#trialEndsMs ?? 0)) return
    throw new AppError('trial-over', 'The trial is over: the machine goes back to the old system.')
  }

  /** First what another boot would read, then everything else. */
  #beginTrial(record: KeptRecord): void {
    const { notes, log, clock } = this.#parts
    const note = (notes.read(NOTE) as TrialNote | null) ?? this.#firstLife(record)
    this.#trialEndsMs = note.endsMs
    this.#problems.push(...note.problems)
    const minutes = Math.max(0, Math.round((note.endsMs - clock.nowMs()) / 60_000))
    log.say(
      `on trial until ${this.#trialEndsAt() ?? ''} (${minutes} min): \`cloud confirm\` keeps the node, ` +
        'else the machine reboots into the old system',
    )
  }

  /** Nothing needs to be taken back: such a boot happens once. */
  #beginLostTrial(trialMs: number): void {
    const { life, log } = this.#parts
    this.#trialEndsMs = life.get('bootMs') + trialMs
    const problem = `the record of the installation is not there: the old system returns at ${this.#trialEndsAt() ?? ''}`
    this.#problems.push(problem)
    log.complain(problem, null)
  }

  #firstLife(record: KeptRecord): TrialNote {
    const { life, notes, log } = this.#parts
    const { once, permanent } = record.value
    // What a confirmation has made that the power has cut off, too: it was never told.
    const problems = record.takeBack([...once, ...record.made(permanent)])
    for (const problem of problems) log.complain(problem, null)
    const kept = problems.slice(0, KEPT_PROBLEMS_MAX).map((text) => text.slice(0, KEPT_CHARS_MAX))
    const note = { endsMs: life.get('bootMs') + record.value.trialMs, problems: kept }
    notes.write(NOTE, note)
    return note
  }

  /** Nothing of the attempt may be what boots: it is not confirmed. */
  #notConfirmed(record: KeptRecord, error: Error): AppError {
    const left = record.takeBack(record.value.permanent)
    const end = this.#trialEndsAt() ?? ''
    const sentence = `The node can't be made what this machine boots: ${error.message}`
    return new AppError('confirm-failed', [sentence, `on trial until ${end}`, ...left].join('; '))
  }

  #trialEndsAt(): string | null {
    if (this.#trialEndsMs === null) return null
    const { clock } = this.#parts
    return new Date(clock.wallMs() + this.#trialEndsMs - clock.nowMs()).toISOString()
  }
}
