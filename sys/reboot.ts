// Acts on the whole machine. The addon refuses them (EPERM) to everything but PID 1 of the machine.
import type { Native } from './native.ts'
import { check } from './sys-error.ts'

/** LINUX_REBOOT_CMD_* of <linux/reboot.h>. */
export const RebootCommand = {
  restart: 0x01234567,
  halt: 0xcdef0123,
  powerOff: 0x4321fedc,
  /** Runs the kernel that kexec_load(2) has prepared. */
  kexec: 0x45584543,
  /** Ctrl-alt-del sends SIGINT to PID 1 ... */
  ctrlAltDelOff: 0,
  /** ... or resets the machine at once. */
  ctrlAltDelOn: 0x89abcdef,
} as const
export type RebootCommand = keyof typeof RebootCommand

/** reboot(2); does not return from the first four when it works. Throws SysError. */
export function reboot(native: Native, command: RebootCommand): void {
  check(native.reboot(RebootCommand[command]), 'reboot', command)
}

/** MODULE_INIT_COMPRESSED_FILE of <linux/module.h>, since Linux 5.17. */
export const MODULE_COMPRESSED = 4

/**
 * finit_module(2) on an open module; with `packed` the kernel decompresses it, if it was built for that.
 * Throws SysError: EEXIST when it is loaded already, EOPNOTSUPP or EINVAL when the kernel decompresses nothing.
 */
export function loadModule(
  native: Native,
  fd: number,
  name: string,
  parameters = '',
  packed = false,
): void {
  check(native.finitModule(fd, parameters, packed ? MODULE_COMPRESSED : 0), 'finit_module', name)
}
