import { expect, test } from 'vitest'
import { DISK_MB, fstab, partitions, sfdiskScript } from './partitions.ts'
import { DEFAULT_SYSTEM, type System } from './system.ts'

const UEFI: System = { ...DEFAULT_SYSTEM, bootLoader: 'uefi', root: 'xfs', separateBoot: true }

test('the default disk is one bootable partition behind the place of GRUB', () => {
  const list = partitions(DEFAULT_SYSTEM)
  expect(sfdiskScript(DEFAULT_SYSTEM, list)).toBe(
    'label: dos\nstart=1MiB, size=2046MiB, type=83, bootable\n',
  )
  expect(fstab(list)).toMatch(/^UUID=\S+ \/ ext4 errors=remount-ro 0 1\n$/)
})

test('UEFI has its own partition, and a separate /boot another; fstab begins with the root', () => {
  const list = partitions(UEFI)
  expect(sfdiskScript(UEFI, list).split('\n')).toEqual([
    'label: gpt',
    'start=1MiB, size=64MiB, type=U',
    'start=65MiB, size=256MiB, type=L',
    'start=321MiB, size=1726MiB, type=L',
    '',
  ])
  expect(fstab(list).replaceAll(/UUID=\S+/g, '-')).toBe(
    '- / xfs defaults 0 1\n- /boot ext4 errors=remount-ro 0 2\n- /boot/efi vfat umask=0077 0 2\n',
  )
})

test('no partition meets another, and all lie on the disk', () => {
  let endMb = 1
  for (const { startMb, sizeMb } of partitions(UEFI)) {
    expect(startMb).toBe(endMb)
    endMb += sizeMb
  }
  expect(endMb).toBeLessThan(DISK_MB)
})
