// Mounting and unmounting. Flags are names, so that a table of mounts reads like /proc/mounts.
import type { Native } from './native.ts'
import { check } from './sys-error.ts'

/** MS_* of <sys/mount.h>. */
export const MountFlag = {
  readOnly: 0x1,
  noSuid: 0x2,
  noDev: 0x4,
  noExec: 0x8,
  synchronous: 0x10,
  remount: 0x20,
  dirSync: 0x80,
  noAtime: 0x400,
  noDirAtime: 0x800,
  bind: 0x1000,
  move: 0x2000,
  recursive: 0x4000,
  private: 0x40000,
  slave: 0x80000,
  relAtime: 0x200000,
  strictAtime: 0x1000000,
  lazyTime: 0x2000000,
} as const
export type MountFlag = keyof typeof MountFlag

/** MNT_* and UMOUNT_* of <sys/mount.h>. */
export const UmountFlag = { force: 1, detach: 2, expire: 4, noFollow: 8 } as const
export type UmountFlag = keyof typeof UmountFlag

export interface Mount {
  source: string
  target: string
  fstype: string
  flags: readonly MountFlag[]
  data: string
}

export function mountFlags(flags: readonly MountFlag[]): number {
  return flags.reduce((bits, flag) => bits | MountFlag[flag], 0)
}

/** mount(2). Throws SysError; EBUSY means that it is mounted there already. */
export function mount(native: Native, { source, target, fstype, flags, data }: Mount): void {
  check(native.mount(source, target, fstype, mountFlags(flags), data), 'mount', target)
}

/** Makes a mounted file system read-only, what one does with a busy one before the end. Throws SysError. */
export function remountReadOnly(native: Native, target: string): void {
  mount(native, { source: '', target, fstype: '', flags: ['remount', 'readOnly'], data: '' })
}

/** umount2(2). Throws SysError: EBUSY when files are open, EINVAL when nothing is mounted there. */
export function umount(native: Native, target: string, flags: readonly UmountFlag[] = []): void {
  const bits = flags.reduce((sum, flag) => sum | UmountFlag[flag], 0)
  check(native.umount2(target, bits), 'umount', target)
}
