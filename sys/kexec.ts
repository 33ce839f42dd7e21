// A kernel that waits to be started by reboot(2). The addon refuses (EPERM) what would not start a node.
import type { Native } from './native.ts'
import { check } from './sys-error.ts'

/** KEXEC_FILE_NO_INITRAMFS of <linux/kexec.h>. */
export const KEXEC_NO_INITRAMFS = 4

export interface NextKernel {
  /** Open files. */
  kernelFd: number
  initrdFd: number | null
  /** Its last `init=` is /sbin/solocloud. */
  commandLine: string
}

/**
 * kexec_file_load(2). Throws SysError: EPERM also under lockdown, ENOSYS without CONFIG_KEXEC_FILE, ENOEXEC
 * for a kernel of an unknown form, EKEYREJECTED for one whose signature is not trusted.
 */
export function loadKernel(native: Native, { kernelFd, initrdFd, commandLine }: NextKernel): void {
  const flags = initrdFd === null ? KEXEC_NO_INITRAMFS : 0
  const result = native.kexecFileLoad(kernelFd, initrdFd ?? -1, commandLine, flags)
  check(result, 'kexec_file_load')
}

/** Nothing is loaded any more. Throws SysError. */
export function unloadKernel(native: Native): void {
  check(native.kexecUnload(), 'kexec_file_load')
}
