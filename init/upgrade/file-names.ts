// The names that PID 1's file has on the disk, and how they change hands.
import type { UpgradeDisk } from './disk.ts'

/** `/sbin/init` and its neighbours. */
export interface FileNames {
  /** What the kernel starts at a boot. */
  proven: string
  /** Where a new file lies until it is confirmed; a boot that finds one deletes it. */
  fresh: string
  /** What ran before the last upgrade. */
  previous: string
  /** Is there for a moment while names change. */
  link: string
}

const FRESH = '.new'

/** `running`: the path of the running file, which is `fresh` until its names have changed. */
export function fileNames(running: string): FileNames {
  const proven = running.endsWith(FRESH) ? running.slice(0, -FRESH.length) : running
  return {
    proven,
    fresh: `${proven}${FRESH}`,
    previous: `${proven}.previous`,
    link: `${proven}.link`,
  }
}

/**
 * The new file takes the name, and what had it is `previous`. At every moment `proven` is a whole file, the
 * old or the new one, and doing all of it again ends the same. Throws Node's fs errors.
 */
export function changeNames(disk: UpgradeDisk, { proven, fresh, previous, link }: FileNames): void {
  disk.remove(link)
  disk.link(proven, link)
  disk.rename(link, previous)
  // rename(2) does nothing where both are names of one file already.
  disk.remove(link)
  disk.rename(fresh, proven)
  disk.syncDirectory(proven)
}
