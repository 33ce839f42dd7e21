// What a purge leaves of the old system's disk: what the machine needs to boot the node, and what is the node's.
import { dirname, join } from 'node:path'
import type { Installation } from '../../../protocol/installation.ts'
import { STATE_DIRECTORY } from '../../../installation/places.ts'
import { fileNames } from '../../upgrade/file-names.ts'
import { pathsIn, type FstabEntry } from './fstab.ts'

/** Beside the node's file: what a kernel, a container's host or Xen runs by name. */
export const POWER_NAMES = ['init', 'halt', 'reboot', 'poweroff'] as const

/** An initramfs of systemd's refuses a root file system without an os-release. */
const ALWAYS: readonly string[] = [
  ...['/boot', '/efi', '/chroots', STATE_DIRECTORY],
  ...['/lib/modules', '/usr/lib/modules', '/lib/firmware', '/usr/lib/firmware'],
  ...['/etc/fstab', '/etc/os-release', '/usr/lib/os-release'],
  // Mount points: of the initramfs as well as ours.
  ...['/dev', '/proc', '/sys', '/run', '/tmp'],
  ...['/lost+found', '/usr/lost+found', '/var/lost+found'],
]

export function whatStays(record: Installation, fstab: readonly FstabEntry[]): string[] {
  const { proven, fresh, previous, link } = fileNames(record.file)
  const beside = dirname(record.file)
  return [
    ...ALWAYS,
    ...[proven, fresh, previous, link],
    ...POWER_NAMES.map((name) => join(beside, name)),
    ...record.permanent.map(({ path }) => path),
    ...record.created,
    ...pathsIn(fstab),
    ...record.purge.keep,
  ].filter((path) => path !== '/')
}
