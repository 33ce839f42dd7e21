// The few fields of a 512-byte tar header that have to be known before tar-stream sees it (POSIX pax(1)).
import { corrupt, refused } from './unpack-error.ts'

export const TAR_BLOCK_BYTES = 512

const SIZE_AT = 124
const MTIME_AT = 136
const NUMBER_LENGTH = 12
const CHECKSUM_AT = 148
const CHECKSUM_LENGTH = 8
const TYPE_AT = 156
const NAME_LENGTH = 100
const LINK_AT = 157
const LINK_LENGTH = 100
const MAGIC_AT = 257
const MAGIC_LENGTH = 8
const POSIX_MAGIC = 'ustar\x0000'
const GNU_MAGIC = 'ustar  \0'
const PREFIX_AT = 345
const PREFIX_LENGTH = 155

/** Sizes above this (64 TiB) are not sizes; it also keeps them exact as numbers. */
const SIZE_MAX = 2 ** 46

export interface TarHeader {
  /** The type as a character; an old archive's NUL is '0'. */
  type: string
  size: number
  /** Seconds since 1970; null for what is no number. tar-stream reads times before it one too late. */
  mtime: number | null
  /** Name fields as raw bytes, the prefix with them. */
  name: Buffer
  linkName: Buffer
}

/** Whether the block's checksum is its own: what tells a tar header from other bytes. */
export function headerChecksumFits(block: Buffer): boolean {
  // The checksum field itself counts as blanks.
  let sum = CHECKSUM_LENGTH * 0x20
  for (let at = 0; at < TAR_BLOCK_BYTES; at++) {
    if (at < CHECKSUM_AT || at >= CHECKSUM_AT + CHECKSUM_LENGTH) sum += block[at] ?? 0
  }
  return sum === octal(block.subarray(CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_LENGTH))
}

/** Throws UnpackError 'image-corrupt' for a block that is not a header. */
export function readHeader(block: Buffer): TarHeader {
  if (!headerChecksumFits(block)) {
    throw corrupt('the tar is corrupt: a member header has a wrong checksum')
  }
  const magic = block.subarray(MAGIC_AT, MAGIC_AT + MAGIC_LENGTH).toString('latin1')
  if (magic !== POSIX_MAGIC && magic !== GNU_MAGIC) {
    throw refused("the tar is of a format older than POSIX's; pack it with tar --format=pax")
  }
  const size = readNumber(block.subarray(SIZE_AT, SIZE_AT + NUMBER_LENGTH))
  if (size === null || size < 0 || size > SIZE_MAX)
    throw corrupt('the tar is corrupt: a member has an impossible size')
  const type = block[TYPE_AT] ?? 0
  return {
    type: type === 0 ? '0' : String.fromCharCode(type),
    size,
    mtime: readNumber(block.subarray(MTIME_AT, MTIME_AT + NUMBER_LENGTH)),
    name: nameField(block, magic === POSIX_MAGIC),
    linkName: untilNul(block.subarray(LINK_AT, LINK_AT + LINK_LENGTH)),
  }
}

function nameField(block: Buffer, hasPrefix: boolean): Buffer {
  const name = untilNul(block.subarray(0, NAME_LENGTH))
  const prefix = untilNul(block.subarray(PREFIX_AT, PREFIX_AT + PREFIX_LENGTH))
  if (!hasPrefix || prefix.length === 0) return Buffer.from(name)
  return Buffer.concat([prefix, Buffer.from('/'), name])
}

/** Octal digits, or GNU's binary form, big-endian in two's complement; null for anything else. */
function readNumber(field: Buffer): number | null {
  const [first = 0] = field
  if ((first & 0x80) === 0) return octal(field)
  if (first === 0x80) return field.subarray(1).reduce((value, byte) => value * 256 + byte, 0)
  if (first !== 0xff) return null
  return -1 - field.reduce((value, byte) => value * 256 + (0xff - byte), 0)
}

/** The number in a field of octal digits with blanks before and blanks or NULs behind; null for others. */
function octal(field: Buffer): number | null {
  const digits = /^ *([0-7]*)[ \0]*$/.exec(field.toString('latin1'))?.[1]
  if (digits === undefined) return null
  return digits === '' ? 0 : Number.parseInt(digits, 8)
}

export function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0)
  return end === -1 ? bytes : bytes.subarray(0, end)
}
