// Another file in PID 1's place, without a reboot: receive, check, test, and one life on trial.
import type { UpgradeProgress, UpgradeStatus } from '../../protocol/api.ts'
import { Upgrade as UpgradeState } from '../../sys/life.ts'
import { AppError } from '../supervisor/apps.ts'
import type { Log } from '../supervisor/log.ts'
import type { Restart, UpgradeFile } from '../http/node-control.ts'
import { checkFile } from './check-file.ts'
import { assertCompatible } from './compatibility.ts'
import { fileNames, type FileNames } from './file-names.ts'
import { diskFull, receiveFile } from './receive-file.ts'
import type { SelfReport } from './self-report.ts'
import { refuseWithoutMemory, selfTest, type SelfTestTools } from './self-test.ts'
import {
  abandonTrial,
  beginTrial,
  confirmTrial,
  findUpgrade,
  settleNames,
  type Trial,
} from './trial.ts'

export interface UpgradeParts extends Trial {
  log: Log
  /** A warning on the console. */
  complain: (problem: string) => void
  steps: UpgradeSteps
  /** Rejects when the management server does not answer a request of ours. */
  askOurselves: () => Promise<void>
  /** Apps that are being pushed to: a restart would end their pushes. */
  pushes: () => readonly string[]
  /** The node shuts down: no other life may begin. */
  goingDown: () => boolean
}

/** What is done to a new file. Each throws AppError. */
export interface UpgradeSteps {
  /** Whether there is the memory for `test`. */
  mayTest: () => void
  receive: typeof receiveFile
  check: (path: string) => void
  test: (path: string) => Promise<SelfReport>
}

export const upgradeSteps = (tools: SelfTestTools): UpgradeSteps => ({
  mayTest: () => refuseWithoutMemory(tools.proc),
  receive: receiveFile,
  check: checkFile,
  test: (path) => selfTest(tools, path),
})

type OnProgress = (progress: UpgradeProgress) => void

export interface Upgrades {
  /** To be called once the management server listens. Never rejects; does not end before the trial does. */
  settle(): Promise<void>
  status(): UpgradeStatus
  upgrade(file: UpgradeFile, onProgress: OnProgress): Promise<Restart>
  rollBack(onProgress: OnProgress): Promise<Restart>
}

/** A life that ends before is none to confirm: what crashes again and again answers in between. */
const STAY_UP_MS = 5_000
const ASK_AGAIN_MS = 500
const PUSHES_MS_MAX = 600_000
const LOOK_AGAIN_MS = 200
/** What is left for others on a full disk. */
const SPARE_BYTES = 1024 * 1024

export function createUpgrades(parts: UpgradeParts): Upgrades {
  return new InitUpgrades(parts)
}

class InitUpgrades implements Upgrades {
  readonly #parts: UpgradeParts
  /** From the request to the end of this life, or to the failure. */
  #busy = false
  #status: UpgradeStatus

  constructor(parts: UpgradeParts) {
    this.#parts = parts
    const begun = parts.life.get('upgrade') !== UpgradeState.none
    this.#status = { state: begun ? 'trial' : 'none', reason: null }
  }

  status(): UpgradeStatus {
    return this.#status
  }

  async settle(): Promise<void> {
    const { log } = this.#parts
    try {
      const found = findUpgrade(this.#parts)
      if (found.state === 'trial') await this.#confirm()
      else if (found.state === 'went-back') this.#wentBack(found.reason)
      else this.#status = { state: found.state, reason: null }
      if (this.#status.state === 'confirmed') this.#takeName()
    } catch (error) {
      log.error({ err: error }, 'what an upgrade has left is not cleaned up')
      this.#status = { state: 'none', reason: null }
    }
  }

  /** Asks until there is an answer, or the loader ends this life and goes back. */
  async #confirm(): Promise<void> {
    const { life, clock, log, askOurselves } = this.#parts
    await this.#pause(Math.max(0, life.get('bootMs') + STAY_UP_MS - clock.nowMs()))
    for (;;) {
      try {
        await askOurselves()
        break
      } catch (error) {
        log.warn({ err: error }, 'on trial, and no answer from the management socket yet')
      }
      if (clock.nowMs() > life.get('trialEndsMs')) return
      await this.#pause(ASK_AGAIN_MS)
    }
    confirmTrial(this.#parts)
    this.#status = { state: 'confirmed', reason: null }
  }

  /** Only what a boot starts too is told to be confirmed. */
  #takeName(): void {
    const { disk, log, complain } = this.#parts
    try {
      settleNames(disk)
      log.info({ file: disk.running() }, 'the upgrade is confirmed')
    } catch (error) {
      const reason = `it runs, but the next boot starts the file before (${message(error)})`
      this.#status = { state: 'confirmed', reason }
      complain(`the upgraded file has no name of its own: ${reason}`)
    }
  }

  #wentBack(reason: string): void {
    this.#status = { state: 'went-back', reason: reason || 'it ended on trial' }
    this.#parts.complain(`the upgrade failed, the file before runs: ${reason}`)
  }

  upgrade(file: UpgradeFile, onProgress: OnProgress): Promise<Restart> {
    return this.#alone(async (names) => {
      const { disk, steps } = this.#parts
      if (disk.freeBytes(names.fresh) < file.bytes + SPARE_BYTES) throw diskFull()
      const report = (bytes: number): void =>
        onProgress({ event: 'receiving', bytes, totalBytes: file.bytes })
      await steps.receive(names.fresh, file, report)
      return this.#prove(names, onProgress)
    })
  }

  rollBack(onProgress: OnProgress): Promise<Restart> {
    return this.#alone((names) => {
      const { disk } = this.#parts
      if (!disk.exists(names.previous) || disk.isRunning(names.previous)) {
        throw new AppError('no-previous-init', 'No file has run here before this one.')
      }
      disk.link(names.previous, names.fresh)
      return this.#prove(names, onProgress)
    })
  }

  /** `make` provides the file `fresh`; when it fails, nothing of it is left. */
  async #alone(make: (names: FileNames) => Promise<Restart>): Promise<Restart> {
    const { disk, life, steps } = this.#parts
    const names = this.#claim()
    try {
      steps.mayTest()
      disk.remove(names.fresh)
      // Of the upgrade before nobody needs to be told any more.
      life.set('upgrade', UpgradeState.none)
      this.#status = { state: 'none', reason: null }
      return await make(names)
    } catch (error) {
      disk.remove(names.fresh)
      this.#busy = false
      throw error
    }
  }

  /** Throws AppError unless the running file has its name, and nothing else is under way. */
  #claim(): FileNames {
    const { disk, goingDown } = this.#parts
    if (goingDown())
      throw new AppError('shutting-down', 'The node is going down; try again when it is back.')
    if (this.#busy || this.#status.state === 'trial')
      throw new AppError('upgrade-in-progress', 'An upgrade is under way; wait for its end.')
    const names = fileNames(disk.running())
    if (!disk.isRunning(names.proven)) {
      throw new AppError(
        'file-replaced',
        `${names.proven} is not the file that runs: somebody replaced it; reboot the node first.`,
      )
    }
    this.#busy = true
    return names
  }

  async #prove(names: FileNames, onProgress: OnProgress): Promise<Restart> {
    const { life, disk, steps } = this.#parts
    onProgress({ event: 'checking' })
    steps.check(names.fresh)
    onProgress({ event: 'testing' })
    const report = await steps.test(names.fresh)
    assertCompatible(report)
    await this.#pushesEnd(onProgress)
    disk.syncDirectory(names.fresh)
    const begin = (): void => this.#begin(names)
    return { version: report.version, life: life.get('lives'), begin }
  }

  async #pushesEnd(onProgress: OnProgress): Promise<void> {
    const { clock, pushes } = this.#parts
    const endMs = clock.nowMs() + PUSHES_MS_MAX
    let told = ''
    for (let apps = pushes(); apps.length > 0; apps = pushes()) {
      const reason = `a push of ${apps.join(', ')} is under way`
      if (clock.nowMs() > endMs)
        throw new AppError('push-in-progress', `For 10 minutes ${reason}; upgrade after it.`)
      if (reason !== told) onProgress({ event: 'waiting', reason })
      told = reason
      await this.#pause(LOOK_AGAIN_MS)
    }
  }

  /** Returns only when the node goes down, or the new file can't be executed. */
  #begin(names: FileNames): void {
    const { log, goingDown } = this.#parts
    try {
      if (!goingDown()) {
        log.info({ file: names.fresh }, 'going on in another file')
        this.#wentBack(beginTrial(this.#parts, names))
      }
    } catch (error) {
      this.#wentBack(message(error))
    }
    try {
      abandonTrial(this.#parts, names)
    } catch (error) {
      log.error({ err: error }, 'what an upgrade has left is not cleaned up')
    }
    this.#busy = false
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.clock.after(ms, resolve))
  }
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error))
