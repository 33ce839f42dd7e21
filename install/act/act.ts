// Carries the plan out. Until the machine goes down, whatever goes wrong is taken back, the last first.
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { makeChanges, takeBack, takeBackUntouched } from '../../installation/changes.ts'
import { INSTALLATION_DIRECTORY, NODE_FILE, STATE_DIRECTORY } from '../../installation/places.ts'
import { writeInstallation } from '../../installation/record.ts'
import type { Installation } from '../../protocol/installation.ts'
import { partialPath, syncDirectory, syncFile, writeDurably } from '../../sys/durable-file.ts'
import type { Native } from '../../sys/native.ts'
import { check } from '../../sys/sys-error.ts'
import { ExitCode, InstallError } from '../errors.ts'
import { CHROOTS, PLACES } from '../look/look.ts'
import type { FirstBoot, InstallPlan } from '../plan/install-plan.ts'
import type { BackupLook } from '../restore/look-backup.ts'
import { restoreApps } from '../restore/restore-apps.ts'
import type { BuiltSshApp } from '../ssh-app/build.ts'
import type { Run, SshAppPlan } from '../ssh-app/ssh-app-plan.ts'
import { goDown } from './go-down.ts'
import { loadNextKernel, unloadNextKernel } from './next-kernel.ts'
import { changesOf } from './planned-changes.ts'
import { Undo } from './undo.ts'

export interface Acting {
  /** '/', but in tests. */
  root: string
  /** The running file. */
  self: string
  native: Pick<Native, 'kexecFileLoad' | 'kexecUnload' | 'syncfs' | 'lsetxattr' | 'mknod'>
  run: Run
  buildSsh: (plan: SshAppPlan, run: Run, target: string) => Promise<BuiltSshApp>
  now: () => Date
  tell: (line: string) => void
  /** Whether somebody wants it to end. */
  isInterrupted: () => boolean
}

/** Throws InstallError, and then everything has been taken back, or it says what has not. */
export async function act(plan: InstallPlan, acting: Acting): Promise<void> {
  const undo = new Undo()
  try {
    const firstBoot = await new Installer(plan, acting, undo).install()
    goDown({ plan, firstBoot, run: acting.run, tell: acting.tell })
  } catch (error) {
    throw takenBack(error as Error, undo.run())
  }
}

function takenBack(error: Error, left: readonly string[]): InstallError {
  const code = error instanceof InstallError ? error.code : 'taken-back'
  const sentence = error.message.replace(/\.$/, '')
  const rest =
    left.length === 0
      ? 'Everything was taken back: the machine is as it was.'
      : `Taken back, but for this: ${left.join('; ')}.`
  return new InstallError(ExitCode.failed, code, `${sentence}. ${rest}`)
}

class Installer {
  readonly #plan: InstallPlan
  readonly #acting: Acting
  readonly #undo: Undo
  readonly #blobs: string

  constructor(plan: InstallPlan, acting: Acting, undo: Undo) {
    this.#plan = plan
    this.#acting = acting
    this.#undo = undo
    this.#blobs = this.#at(INSTALLATION_DIRECTORY)
  }

  readonly #at = (path: string): string => join(this.#acting.root, path)

  /** In an order in which a power cut leaves the old system, with remains that the next try finds and removes. */
  async install(): Promise<FirstBoot> {
    const { system } = this.#plan
    if (system.earlier !== null) {
      await this.#begin('Removing the earlier try')
      this.#removeEarlier(system.earlier)
    }
    this.#beginRecord()
    if (!system.isInPlace) {
      await this.#begin(`Copying this file to ${NODE_FILE}`)
      this.#copyFile()
    }
    await this.#makeChroots()
    this.#writeSettings()
    const firstBoot = await this.#chooseFirstBoot()
    const record = this.#recordOf(firstBoot)
    this.#sync([STATE_DIRECTORY, CHROOTS].map(this.#at))
    writeInstallation(this.#blobs, record)
    if (record.once.length > 0) {
      await this.#begin('Preparing the first boot')
      this.#makeOnce(record)
    }
    await this.#stopIfInterrupted()
    return firstBoot
  }

  async #begin(what: string): Promise<void> {
    await this.#stopIfInterrupted()
    this.#acting.tell(`${what} ...`)
  }

  /** Signals are heard between steps: these themselves don't wait for anything. */
  async #stopIfInterrupted(): Promise<void> {
    await setImmediate()
    if (!this.#acting.isInterrupted()) return
    throw new InstallError(ExitCode.failed, 'interrupted', 'Interrupted.')
  }

  #removeEarlier(earlier: Installation): void {
    const { isInPlace } = this.#plan.system
    takeBackUntouched(this.#blobs, earlier.once)
    takeBackUntouched(this.#blobs, earlier.permanent)
    const isRemoved = (path: string): boolean =>
      earlier.created.includes(path) && !(isInPlace && path === NODE_FILE)
    for (const path of PLACES.filter(isRemoved)) this.#remove(path)
  }

  /** From here on the next try knows what to remove. */
  #beginRecord(): void {
    for (const path of this.#plan.created)
      this.#undo.push(`${path} stays`, () => this.#remove(path))
    const { firstBoot } = this.#plan
    writeInstallation(this.#blobs, { ...this.#recordOf(firstBoot), once: [], permanent: [] })
  }

  #copyFile(): void {
    const path = this.#at(NODE_FILE)
    const partial = partialPath(path)
    try {
      copyFileSync(this.#acting.self, partial, constants.COPYFILE_FICLONE)
      chmodSync(partial, 0o755)
      syncFile(partial)
      renameSync(partial, path)
    } catch (error) {
      rmSync(partial, { force: true })
      throw error
    }
    syncDirectory(dirname(path))
  }

  async #makeChroots(): Promise<void> {
    const { ssh, backup } = this.#plan.system
    mkdirSync(this.#at(CHROOTS), { recursive: true, mode: 0o700 })
    chmodSync(this.#at(CHROOTS), 0o700)
    if (backup !== null) {
      await this.#begin(`Unpacking the apps of ${backup.path}`)
      await this.#restore(backup)
    }
    if (ssh !== null) {
      await this.#begin('Making the app ssh of the sshd of this system')
      await this.#makeSshApp(ssh)
    }
  }

  async #restore(backup: BackupLook): Promise<void> {
    const { native, tell } = this.#acting
    const { leftOut, leftOutCount } = await restoreApps(backup, this.#at(CHROOTS), native)
    if (leftOutCount === 0) return
    tell(`The backup was made without ${leftOutCount} of what was there, like ${leftOut[0] ?? ''}`)
  }

  /** As one that was pushed: a new state database takes it from here. */
  async #makeSshApp(ssh: SshAppPlan): Promise<void> {
    const generations = this.#at(`${CHROOTS}/.generations/ssh`)
    mkdirSync(generations, { recursive: true, mode: 0o700 })
    const { run, buildSsh } = this.#acting
    const { digest, manifest } = await buildSsh(ssh, run, join(generations, '1'))
    writeDurably(join(generations, '1.json'), `${JSON.stringify({ digest, manifest })}\n`)
    symlinkSync('.generations/ssh/1', this.#at(`${CHROOTS}/ssh`))
    syncDirectory(this.#at(CHROOTS))
  }

  #writeSettings(): void {
    const text = `${JSON.stringify(this.#plan.settings, null, 2)}\n`
    writeDurably(this.#at(`${STATE_DIRECTORY}/settings.json`), text)
  }

  /** Whether the kernel lets itself be followed by another shows only now. */
  async #chooseFirstBoot(): Promise<FirstBoot> {
    const { firstBoot, fallback, system } = this.#plan
    const { kernel } = firstBoot
    if (kernel === null) return firstBoot
    await this.#begin('Loading the kernel of the first boot')
    const { native, run, tell } = this.#acting
    const loaded = this.#at('/sys/kernel/kexec_loaded')
    const loader = { native, run, loaded, tools: system.kexec.tools }
    const refused = loadNextKernel(loader, {
      ...{ image: this.#at(kernel.image), initramfs: this.#at(kernel.initramfs) },
      commandLine: kernel.commandLine,
    })
    if (refused === null) {
      this.#undo.push('a kernel stays loaded', () => unloadNextKernel(loader))
      return firstBoot
    }
    if (fallback === null)
      throw new InstallError(ExitCode.failed, 'kexec-refused', `kexec is refused: ${refused}.`)
    tell(`kexec is refused (${refused}): GRUB will boot the node once instead.`)
    return fallback
  }

  #recordOf({ method, once }: FirstBoot): Installation {
    const { options, permanent, created } = this.#plan
    mkdirSync(this.#blobs, { recursive: true, mode: 0o700 })
    return {
      ...{ version: 1, method, state: 'trial', file: NODE_FILE, trialMs: options.trialMs, created },
      installedAt: this.#acting.now().toISOString(),
      once: changesOf(this.#blobs, once, this.#at),
      permanent: changesOf(this.#blobs, permanent, this.#at),
      purge: { onConfirm: options.purge, keep: options.keep },
    }
  }

  #makeOnce({ once }: Installation): void {
    this.#undo.push('the first boot stays prepared', () => takeBack(this.#blobs, once))
    makeChanges(this.#blobs, once)
    this.#sync(once.map(({ path }) => dirname(path)))
  }

  /** A boot loader reads what is on the disk, and nothing that is still in memory. */
  #sync(directories: readonly string[]): void {
    for (const directory of new Set(directories)) {
      const fd = openSync(directory, 'r')
      try {
        check(this.#acting.native.syncfs(fd), 'syncfs', directory)
      } finally {
        closeSync(fd)
      }
    }
  }

  #remove(path: string): void {
    rmSync(this.#at(path), { recursive: true, force: true })
    syncDirectory(dirname(this.#at(path)))
  }
}
