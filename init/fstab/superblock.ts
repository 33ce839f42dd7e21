// Which file system or swap space a device holds, with its UUID and label, by the superblock's place and form:
// the few that fstab names on a server.

/** Bytes of a device; fewer at its end. */
export type Probe = (offset: number, length: number) => Buffer

export interface Content {
  /** As mount(2) has it, or `swap`. */
  fstype: string
  uuid: string
  label: string
}

/** The file system or swap space; null for none of those, and for a part of something larger. */
export function identify(read: Probe, sizeBytes: number): Content | null {
  if (isRaidMember(read, sizeBytes)) return null
  return (
    xfs(read(0, 512)) ??
    ext(read(1024, 1024)) ??
    btrfs(read(65_536, 1024)) ??
    swap(read) ??
    vfat(read(0, 512)) ??
    null
  )
}

const hex = (bytes: Buffer): string => bytes.toString('hex')

/** 8-4-4-4-12 digits, in the order of the bytes (RFC 9562). */
function uuidAt(bytes: Buffer, offset: number): string {
  const digits = hex(bytes.subarray(offset, offset + 16))
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

function textAt(bytes: Buffer, offset: number, length: number): string {
  const text = bytes.subarray(offset, offset + length)
  const end = text.indexOf(0)
  return text.subarray(0, end < 0 ? length : end).toString()
}

/** struct ext4_super_block of the kernel's fs/ext4/ext4.h. */
function ext(block: Buffer): Content | undefined {
  if (block.length < 1024 || block.readUInt16LE(0x38) !== 0xef53) return undefined
  const hasJournal = (block.readUInt32LE(0x5c) & 0x4) !== 0
  // Anything but filetype, a journal to replay, and meta_bg is ext4's.
  const isExt4 = (block.readUInt32LE(0x60) & ~0x16) !== 0
  const fstype = isExt4 ? 'ext4' : hasJournal ? 'ext3' : 'ext2'
  return { fstype, uuid: uuidAt(block, 0x68), label: textAt(block, 0x78, 16) }
}

/** struct xfs_dsb of fs/xfs/libxfs/xfs_format.h. */
function xfs(block: Buffer): Content | undefined {
  if (block.length < 512 || block.toString('latin1', 0, 4) !== 'XFSB') return undefined
  return { fstype: 'xfs', uuid: uuidAt(block, 32), label: textAt(block, 108, 12) }
}

/** struct btrfs_super_block of include/uapi/linux/btrfs_tree.h. */
function btrfs(block: Buffer): Content | undefined {
  if (block.length < 1024 || block.toString('latin1', 0x40, 0x48) !== '_BHRfS_M') return undefined
  return { fstype: 'btrfs', uuid: uuidAt(block, 0x20), label: textAt(block, 0x12b, 256) }
}

/** union swap_header of include/linux/swap.h: the magic ends the first page, whatever a page is here. */
function swap(read: Probe): Content | undefined {
  const magicAt = (page: number): string => read(page - 10, 10).toString('latin1')
  if (![4096, 16_384, 65_536].some((page) => magicAt(page) === 'SWAPSPACE2')) return undefined
  const info = read(1024, 64)
  return { fstype: 'swap', uuid: uuidAt(info, 12), label: textAt(info, 28, 16) }
}

/** The boot sector of Microsoft's FAT specification, version 1.03. */
function vfat(block: Buffer): Content | undefined {
  if (block.length < 512 || block.readUInt16LE(510) !== 0xaa55) return undefined
  const at = (offset: number): string => block.toString('latin1', offset, offset + 8)
  const wide = at(82) === 'FAT32   '
  if (!wide && !/^FAT1[26] {3}$/.test(at(54))) return undefined
  const serial = hex(block.subarray(wide ? 67 : 39, wide ? 71 : 43).reverse()).toUpperCase()
  const label = block.toString('latin1', wide ? 71 : 43, wide ? 82 : 54).trimEnd()
  return {
    fstype: 'vfat',
    uuid: `${serial.slice(0, 4)}-${serial.slice(4)}`,
    label: label === 'NO NAME' ? '' : label,
  }
}

/**
 * A member of an md array (include/uapi/linux/raid/md_p.h), which may look like the file system that the whole
 * array holds: mounted alone, it would differ from the others.
 */
function isRaidMember(read: Probe, sizeBytes: number): boolean {
  const KIB = 1024
  const places = [
    ...[0, 4 * KIB], // version 1.1 and 1.2
    Math.floor((sizeBytes - 8 * KIB) / (4 * KIB)) * 4 * KIB, // 1.0
    Math.floor(sizeBytes / (64 * KIB)) * 64 * KIB - 64 * KIB, // 0.90
  ]
  return places.some((at) => at >= 0 && hex(read(at, 4)) === 'fc4e2ba9')
}
