// Empties a file system's own log: a boot loader reads the disk without replaying it, and what is only in
// the log of an XFS or ext4 is not there for GRUB.
import { closeSync, openSync } from 'node:fs'
import type { Native } from './native.ts'
import { check } from './sys-error.ts'

/** _IOWR('X', 119, int) and _IOWR('X', 120, int) of <linux/fs.h>. */
export const FIFREEZE = 0xc004_5877
export const FITHAW = 0xc004_5878
/** File systems that can't be frozen have no log (FAT), or are not a boot loader's (overlayfs). */
const CANNOT = new Set(['EOPNOTSUPP', 'ENOTTY', 'EINVAL'])

/**
 * Nothing may write there in between, so nothing is done in between. Only on a machine of our own: elsewhere
 * the file system is the host's too. Throws SysError.
 */
export function settleFileSystem(
  native: Pick<Native, 'ioctl' | 'ownsMachine'>,
  directory: string,
): void {
  if (native.ownsMachine() !== 1) return
  const argument = new Uint8Array(4)
  const fd = openSync(directory, 'r')
  try {
    check(native.ioctl(fd, FIFREEZE, argument), 'freeze', directory)
    check(native.ioctl(fd, FITHAW, argument), 'thaw', directory)
  } catch (error) {
    if (!CANNOT.has((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    closeSync(fd)
  }
}
