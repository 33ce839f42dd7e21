// The kernel that runs, with the files that can start it again.
import type { OldSystem } from './old-system.ts'

export interface KernelFiles {
  image: string
  initramfs: string
  /** Of both together. */
  bytes: number
}

export interface KernelLook {
  release: string
  /** What the kernel was started with; one character a byte. */
  commandLine: string
  /** null when they are not under /boot: the kernel is the host's, or was removed by an upgrade. */
  files: KernelFiles | null
  initramfsMaker: 'initramfs-tools' | 'dracut' | null
  /** Whether /lib/modules has its modules. */
  hasModules: boolean
}

export function lookKernel(old: OldSystem): KernelLook {
  const release = old.line('/proc/sys/kernel/osrelease')
  return {
    release,
    commandLine: old.line('/proc/cmdline'),
    files: release === '' ? null : kernelFiles(old, release),
    initramfsMaker: initramfsMaker(old),
    hasModules: old.exists(`/lib/modules/${release}/modules.dep`),
  }
}

function kernelFiles(old: OldSystem, release: string): KernelFiles | null {
  const found = (names: readonly string[]): string | undefined =>
    names.map((name) => `/boot/${name}`).find((path) => (old.bytes(path) ?? 0) > 0)
  const image = found([`vmlinuz-${release}`])
  const initramfs = found([`initrd.img-${release}`, `initramfs-${release}.img`])
  if (image === undefined || initramfs === undefined) return null
  return { image, initramfs, bytes: (old.bytes(image) ?? 0) + (old.bytes(initramfs) ?? 0) }
}

function initramfsMaker(old: OldSystem): KernelLook['initramfsMaker'] {
  if (old.exists('/usr/bin/dracut')) return 'dracut'
  return old.exists('/usr/sbin/mkinitramfs') ? 'initramfs-tools' : null
}
