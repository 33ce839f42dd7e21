// The names that a partition has in its disk's table: PARTUUID and PARTLABEL of fstab.
import type { Probe } from './superblock.ts'

export interface PartitionName {
  uuid: string
  /** '' in a table that has no labels. */
  label: string
}

/** The partition with this number, from 1; null when the table has none. */
export type PartitionNames = (number: number) => PartitionName | null

const ENTRIES_MAX = 256
const PROTECTIVE = 0xee
/** Of the four entries of an MBR. */
const MBR_ENTRY_BYTES = 16

/** `sectorBytes`: the disk's logical sector, in which a GPT counts. */
export function partitionNames(read: Probe, sectorBytes: number): PartitionNames {
  const sector = read(0, 512)
  if (sector.length < 512 || sector.readUInt16LE(510) !== 0xaa55) return () => null
  const types = [0, 1, 2, 3].map((index) => sector[446 + index * MBR_ENTRY_BYTES + 4])
  if (types.includes(PROTECTIVE)) return gptNames(read, sectorBytes)
  const signature = sector.readUInt32LE(440)
  // Of logical partitions too: what counts is the number alone (block/partitions/msdos.c of the kernel).
  return (number) => ({ uuid: `${digits(signature, 8)}-${digits(number, 2)}`, label: '' })
}

/** UEFI specification, 5.3. Checksums are the kernel's business: it has made the partitions that are asked for. */
function gptNames(read: Probe, sectorBytes: number): PartitionNames {
  const header = read(sectorBytes, 92)
  if (header.length < 92 || header.toString('latin1', 0, 8) !== 'EFI PART') return () => null
  const entriesAt = Number(header.readBigUInt64LE(72)) * sectorBytes
  const count = Math.min(header.readUInt32LE(80), ENTRIES_MAX)
  const entryBytes = header.readUInt32LE(84)
  if (entryBytes < 128 || entryBytes > 4096 || !Number.isSafeInteger(entriesAt)) return () => null
  const entries = read(entriesAt, count * entryBytes)
  return (number) => {
    const entry = entries.subarray((number - 1) * entryBytes, number * entryBytes)
    if (entry.length < 128 || entry.subarray(0, 16).every((byte) => byte === 0)) return null
    const label = entry.toString('utf16le', 56, 128)
    return { uuid: guid(entry.subarray(16, 32)), label: label.replace(/\0[^]*$/, '') }
  }
}

/** The first three of its parts are little-endian. */
function guid(bytes: Buffer): string {
  const first = digits(bytes.readUInt32LE(0), 8)
  const [second, third] = [digits(bytes.readUInt16LE(4), 4), digits(bytes.readUInt16LE(6), 4)]
  const [fourth, fifth] = [bytes.toString('hex', 8, 10), bytes.toString('hex', 10, 16)]
  return `${first}-${second}-${third}-${fourth}-${fifth}`
}

const digits = (value: number, length: number): string => value.toString(16).padStart(length, '0')
