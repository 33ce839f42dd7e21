// The file systems that matter: the one that becomes the node's root, and the one that boots.
import { parseMountInfo, type MountEntry } from '../../sys/mount-info.ts'
import type { OldSystem } from './old-system.ts'

export interface FileSystem {
  /** Where it is mounted. */
  target: string
  fstype: string
  /** The kernel's name of the block device: sda1, dm-0; null where there is none. */
  device: string | null
  /** 'plain' is a disk or its partition, which a boot loader can write too. */
  storage: 'plain' | 'lvm' | 'encrypted' | 'raid' | 'mapped'
  uuid: string | null
  /** The directory of the file system that is seen at `target`: '/', of btrfs a subvolume. */
  root: string
}

/** The file system that holds `path`, links followed; null when /proc does not tell. */
export function fileSystemOf(old: OldSystem, path: string): FileSystem | null {
  const mounts = parseMountInfo(old.text('/proc/self/mountinfo') ?? '')
  const real = old.real(path)
  const holds = ({ target }: MountEntry): boolean =>
    target === '/' || real === target || real.startsWith(`${target}/`)
  const length = Math.max(0, ...mounts.filter(holds).map(({ target }) => target.length))
  const entry = mounts.findLast((mount) => holds(mount) && mount.target.length === length)
  if (entry === undefined) return null
  const { target, fstype, root } = entry
  const device = deviceName(old, entry)
  return {
    ...{ target, fstype, root, device },
    storage: device === null ? 'plain' : storageOf(old, device),
    uuid: device === null ? null : uuidOf(old, device),
  }
}

/** The path as the file system itself has it, which is how a boot loader names it. */
export function pathWithin({ target, root }: FileSystem, path: string): string {
  const below = target === '/' ? path : path.slice(target.length)
  return `${root === '/' ? '' : root}${below}`
}

/** btrfs has a device number of its own: there the name that was mounted tells. */
function deviceName(old: OldSystem, { device, source }: MountEntry): string | null {
  const byNumber = old.link(`/sys/dev/block/${device}`)
  const path = byNumber ?? (source.startsWith('/dev/') ? old.real(source) : null)
  return path?.split('/').at(-1) ?? null
}

function storageOf(old: OldSystem, device: string): FileSystem['storage'] {
  if (/^md\d/.test(device)) return 'raid'
  if (!device.startsWith('dm-')) return 'plain'
  const mapped = old.line(`/sys/class/block/${device}/dm/uuid`)
  if (mapped.startsWith('LVM-')) return 'lvm'
  return mapped.startsWith('CRYPT-') ? 'encrypted' : 'mapped'
}

function uuidOf(old: OldSystem, device: string): string | null {
  const directory = '/dev/disk/by-uuid'
  const found = old
    .list(directory)
    .find((name) => old.link(`${directory}/${name}`)?.split('/').at(-1) === device)
  return found ?? null
}

export interface FstabEntry {
  source: string
  target: string
  fstype: string
}

/** fstab(5), what is mounted or swapped to; the root file system is left out. */
export function parseFstab(text: string): FstabEntry[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([source = '#', , fstype]) => !/^(#|$)/.test(source) && fstype !== undefined)
    .map(([source = '', target = '', fstype = '']) => ({ source, target, fstype }))
    .filter(({ target }) => target !== '/')
}
