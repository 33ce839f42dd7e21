// The table of parts at the end of build/solocloud: what travels behind the loader, and where.
// native/loader-parts.h reads the same layout.

/** The table is the file's last bytes, this many. */
export const TABLE_SIZE = 4096
/** Parts begin at multiples of this: the largest page that Linux has on x86-64 and arm64. */
export const PART_ALIGNMENT = 65536

const MAGIC = 'solocloud parts\0'
const HEADER_SIZE = 64
const ENTRY_SIZE = 64
const NAME_SIZE = 40
const PARTS_MAX = (TABLE_SIZE - HEADER_SIZE) / ENTRY_SIZE

/** What the loader does with a part; the order is native/loader-parts.h's `enum part_kind`. */
export const PART_KINDS = ['data', 'program', 'interpreter', 'preload', 'addon', 'lzma'] as const
export type PartKind = (typeof PART_KINDS)[number]

export interface TableEntry {
  name: string
  kind: PartKind
  /** Bytes from the start of the file. */
  offset: number
  size: number
  /**
   * Where in the part a copy for others has the character '0' instead: the single-executable fuse that
   * makes our Node run the bundle. 0 for none.
   */
  fuse: number
}

/** Throws when a name or the number of parts does not fit: the build is at fault. */
export function encodeTable(entries: readonly TableEntry[]): Buffer {
  if (entries.length > PARTS_MAX) throw new Error(`BUG: more than ${PARTS_MAX} parts`)
  const table = Buffer.alloc(TABLE_SIZE)
  table.write(MAGIC, 'latin1')
  table.writeUInt32LE(entries.length, MAGIC.length)
  entries.forEach((entry, index) => {
    const at = HEADER_SIZE + index * ENTRY_SIZE
    if (Buffer.byteLength(entry.name) >= NAME_SIZE) throw new Error(`BUG: long name ${entry.name}`)
    table.write(entry.name, at)
    table.writeUInt32LE(PART_KINDS.indexOf(entry.kind), at + NAME_SIZE)
    table.writeUInt32LE(entry.fuse, at + NAME_SIZE + 4)
    table.writeBigUInt64LE(BigInt(entry.offset), at + NAME_SIZE + 8)
    table.writeBigUInt64LE(BigInt(entry.size), at + NAME_SIZE + 16)
  })
  return table
}

/** The entries of a table, or null when these bytes are none. */
export function decodeTable(table: Buffer): TableEntry[] | null {
  if (table.length !== TABLE_SIZE || table.toString('latin1', 0, MAGIC.length) !== MAGIC)
    return null
  const count = table.readUInt32LE(MAGIC.length)
  if (count > PARTS_MAX) return null
  return Array.from({ length: count }, (_, index) => {
    const at = HEADER_SIZE + index * ENTRY_SIZE
    const name = table.subarray(at, at + NAME_SIZE)
    return {
      name: name.toString('utf8', 0, name.indexOf(0)),
      kind: PART_KINDS[table.readUInt32LE(at + NAME_SIZE)] ?? 'data',
      fuse: table.readUInt32LE(at + NAME_SIZE + 4),
      offset: Number(table.readBigUInt64LE(at + NAME_SIZE + 8)),
      size: Number(table.readBigUInt64LE(at + NAME_SIZE + 16)),
    }
  })
}
