// The block devices of this machine with all the names that fstab may use for them. There is no udev here:
// what it would have linked below /dev/disk is read from sysfs and from the devices themselves.
import { closeSync, openSync, readdirSync, readFileSync, readSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { deviceIds } from './device-ids.ts'
import { partitionNames, type PartitionNames } from './partition-table.ts'
import { identify, type Content, type Probe } from './superblock.ts'

export interface BlockDevice {
  /** /dev/vda1 */
  path: string
  content: Content | null
  partUuid: string
  partLabel: string
  /** The device mapper's name (/dev/mapper/NAME), '' for another device. */
  mapperName: string
  /** As below /dev/disk/by-id. */
  ids: readonly string[]
}

export interface DevicePlaces {
  /** /sys/class/block */
  sys: string
  /** /dev */
  dev: string
}

const SYSFS_SECTOR_BYTES = 512
const DEVICES_MAX = 256
/** Memory, and drives whose medium may be missing or slow: nothing that fstab mounts at a boot. */
const NOT_A_DISK = /^(?:loop|ram|zram|fd|sr|mtdblock)\d/

/** Those with anything in them, in the order of their names. What can't be read has fewer names. */
export function scanBlockDevices(places: DevicePlaces): BlockDevice[] {
  const tables = new Map<string, PartitionNames>()
  return list(places.sys)
    .filter((name) => !NOT_A_DISK.test(name))
    .slice(0, DEVICES_MAX)
    .flatMap((name) => describe(places, name, tables) ?? [])
}

function describe(
  { sys, dev }: DevicePlaces,
  name: string,
  tables: Map<string, PartitionNames>,
): BlockDevice | null {
  const about = join(sys, name)
  const sizeBytes = Number(textOf(join(about, 'size'))) * SYSFS_SECTOR_BYTES
  if (!(sizeBytes > 0)) return null
  // sysfs writes a slash in a name (cciss/c0d0) as an exclamation mark.
  const path = join(dev, name.replaceAll('!', '/'))
  const number = Number(textOf(join(about, 'partition')))
  const disk = number > 0 ? parentDisk(about) : name
  const table =
    tables.get(disk) ??
    withProbe(join(dev, disk), (read) => partitionNames(read, sector(sys, disk)))
  if (table !== null) tables.set(disk, table)
  const names = number > 0 ? (table?.(number) ?? null) : null
  // What another device is made of (an md array, a volume) holds nothing of its own.
  const isPart = list(join(about, 'holders')).length > 0
  return {
    path,
    content: isPart ? null : withProbe(path, (read) => identify(read, sizeBytes)),
    partUuid: names?.uuid ?? '',
    partLabel: names?.label ?? '',
    mapperName: textOf(join(about, 'dm/name')),
    ids: deviceIds(join(sys, disk), disk, number),
  }
}

/** /sys/class/block/vda1 is a link to .../block/vda/vda1. */
function parentDisk(about: string): string {
  try {
    return basename(dirname(realpathSync(about)))
  } catch {
    return ''
  }
}

const sector = (sys: string, disk: string): number =>
  Number(textOf(join(sys, disk, 'queue/logical_block_size'))) || SYSFS_SECTOR_BYTES

/** null when the device can't be opened or read. */
function withProbe<T>(path: string, act: (read: Probe) => T): T | null {
  try {
    const fd = openSync(path, 'r')
    try {
      return act((offset, length) => {
        const bytes = Buffer.alloc(length)
        return bytes.subarray(0, readSync(fd, bytes, 0, length, offset))
      })
    } finally {
      closeSync(fd)
    }
  } catch {
    return null
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path).toSorted()
  } catch {
    return []
  }
}
