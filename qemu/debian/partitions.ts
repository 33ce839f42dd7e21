// How the disk of a Debian VPS is divided, as data, and what sfdisk and /etc/fstab say of it.
import type { System } from './system.ts'

export interface Partition {
  mountPoint: '/' | '/boot' | '/boot/efi'
  fileSystem: 'ext4' | 'xfs' | 'vfat'
  /** As blkid shows it; of a FAT: two times four digits. */
  uuid: string
  startMb: number
  sizeMb: number
}

export const DISK_MB = 2048
/** Before the first partition: where GRUB's core image lies on BIOS. Behind the last: the second GPT. */
const GAP_MB = 1
const SMALL_MB = { '/boot': 256, '/boot/efi': 64 } as const
const UUIDS = {
  '/': '5a1d0c0d-0000-4000-8000-000000000001',
  '/boot': '5a1d0c0d-0000-4000-8000-000000000002',
  '/boot/efi': '5A1D-0C0D',
} as const

/** In the order of the disk; the root, which takes the rest, is the last. */
export function partitions({ bootLoader, root, separateBoot }: System): Partition[] {
  const small: Partition[] = []
  let startMb = GAP_MB
  const add = (mountPoint: '/boot' | '/boot/efi', fileSystem: 'ext4' | 'vfat') => {
    const sizeMb = SMALL_MB[mountPoint]
    small.push({ mountPoint, fileSystem, uuid: UUIDS[mountPoint], startMb, sizeMb })
    startMb += sizeMb
  }
  if (bootLoader === 'uefi') add('/boot/efi', 'vfat')
  if (separateBoot) add('/boot', 'ext4')
  const sizeMb = DISK_MB - startMb - GAP_MB
  return [...small, { mountPoint: '/', fileSystem: root, uuid: UUIDS['/'], startMb, sizeMb }]
}

/** What sfdisk(8) reads. */
export function sfdiskScript({ bootLoader }: System, list: readonly Partition[]): string {
  const types = bootLoader === 'bios' ? { vfat: 'ef', linux: '83' } : { vfat: 'U', linux: 'L' }
  const lines = list.map(({ fileSystem, startMb, sizeMb, mountPoint }) => {
    const type = fileSystem === 'vfat' ? types.vfat : types.linux
    const bootable = mountPoint === '/' && bootLoader === 'bios' ? ', bootable' : ''
    return `start=${startMb}MiB, size=${sizeMb}MiB, type=${type}${bootable}`
  })
  return [`label: ${bootLoader === 'bios' ? 'dos' : 'gpt'}`, ...lines, ''].join('\n')
}

export function fstab(list: readonly Partition[]): string {
  // The root first: what is mounted in it comes after it.
  const lines = list.toReversed().map(({ mountPoint, fileSystem, uuid }) => {
    const options = { ext4: 'errors=remount-ro', xfs: 'defaults', vfat: 'umask=0077' }[fileSystem]
    const pass = mountPoint === '/' ? 1 : 2
    return `UUID=${uuid} ${mountPoint} ${fileSystem} ${options} 0 ${pass}`
  })
  return `${lines.join('\n')}\n`
}
