// One life in the new file, on trial: how it begins, is confirmed, or is cleaned up after.
import { Upgrade, type Life } from '../../sys/life.ts'
import type { Native } from '../../sys/native.ts'
import { errnoName } from '../../sys/sys-error.ts'
import type { Clock } from '../supervisor/clock.ts'
import type { UpgradeDisk } from './disk.ts'
import { changeNames, fileNames, type FileNames } from './file-names.ts'

export interface Trial {
  native: Pick<Native, 'become'>
  life: Life
  clock: Clock
  disk: UpgradeDisk
}

/** How long the new file has to answer before the loader goes back. */
export const TRIAL_MS = 30_000
const NONE = -1

/**
 * Goes on in the file `names.fresh`, which keeps that name while it is on trial: a power cut then boots the
 * file that has proven itself. Returns only when that fails, with why. Throws Node's fs errors;
 * `abandonTrial` is due in both cases.
 */
export function beginTrial({ native, life, clock, disk }: Trial, names: FileNames): string {
  // The loader keeps it open over the exec.
  life.set('previousFd', disk.openRunning())
  const fd = disk.open(names.fresh)
  life.set('trialEndsMs', Math.round(clock.nowMs()) + TRIAL_MS)
  life.set('upgrade', Upgrade.trial)
  const errno = native.become(fd)
  disk.close(fd)
  return `the kernel does not execute it (${errnoName(errno)})`
}

/** As if there had been no new file. Throws Node's fs errors. */
export function abandonTrial({ life, disk }: Trial, names: FileNames): void {
  life.set('upgrade', Upgrade.none)
  forgetPrevious(life, disk)
  disk.remove(names.fresh)
}

/** What a life finds of an upgrade when it begins. */
export type Found =
  /** This file is on trial, and `confirmTrial` is due. */
  | { state: 'trial' }
  /** Nothing, or a file that nobody needs any more: it is gone now. */
  | { state: 'none' }
  /** The names may not have changed yet: `settleNames` is due. */
  | { state: 'confirmed' }
  /** The file before runs again. */
  | { state: 'went-back'; reason: string }

/** Cleans up what needs no answer of the management socket. Throws Node's fs errors; can be done again. */
export function findUpgrade({ life, disk }: Trial): Found {
  const names = fileNames(disk.running())
  const state = life.get('upgrade')
  const previous = life.get('previousFd')
  if (state === Upgrade.trial && previous >= 0 && !disk.isRunning(previous))
    return { state: 'trial' }
  forgetPrevious(life, disk)
  if (state === Upgrade.confirmed) return { state: 'confirmed' }
  disk.remove(names.link)
  // While its name is the running file's, it is needed.
  if (!disk.isRunning(names.fresh)) disk.remove(names.fresh)
  if (state === Upgrade.wentBack) return { state: 'went-back', reason: life.upgradeReason() }
  life.set('upgrade', Upgrade.none)
  if (state !== Upgrade.trial) return { state: 'none' }
  return { state: 'went-back', reason: 'PID 1 died in the moment of the upgrade' }
}

/** The new file has proven itself: the loader goes back no more. */
export function confirmTrial({ life, disk }: Trial): void {
  life.set('upgrade', Upgrade.confirmed)
  forgetPrevious(life, disk)
}

/** Gives a confirmed file its name, unless it has it. Throws Node's fs errors; can be done again. */
export function settleNames(disk: UpgradeDisk): void {
  const running = disk.running()
  const names = fileNames(running)
  if (running === names.fresh) changeNames(disk, names)
  else disk.syncDirectory(names.proven)
  // Of a later upgrade, whose life has ended before its trial.
  disk.remove(names.fresh)
}

/** The file to go back to. In the record it goes first: what that names must be open. */
function forgetPrevious(life: Life, disk: UpgradeDisk): void {
  const previous = life.get('previousFd')
  if (previous < 0) return
  life.set('previousFd', NONE)
  disk.close(previous)
}
