// The headers of a tar's members (POSIX pax(1)): ustar, and records before it for what does not fit that.

export type PackedType = 'file' | 'directory' | 'symlink' | 'link' | 'fifo'

export interface PackedMember {
  type: PackedType
  /** Below the archive's root, without a slash at either end. */
  path: string
  /** A symbolic link's text, or a hard link's earlier member; '' for others. */
  link: string
  /** Permission bits with setuid, setgid and sticky. */
  mode: number
  uid: number
  gid: number
  /** Bytes of data. */
  size: number
  /** Since 1970, in ns; may be negative. */
  mtimeNs: bigint
  xattrs: ReadonlyMap<string, Buffer>
}

export const TAR_BLOCK_BYTES = 512
/** Two blocks of zeros. */
export const END_OF_TAR = Buffer.alloc(2 * TAR_BLOCK_BYTES)

const TYPE_FLAGS: Readonly<Record<PackedType, string>> = {
  ...{ file: '0', link: '1', symlink: '2', directory: '5', fifo: '6' },
}
const PAX_FLAG = 'x'
/** Of the fields for the name and the link. */
const NAME_BYTES = 100
/** Seven octal digits; eleven for the size and the time. */
const ID_MAX = 0o7777777
const LONG_MAX = 0o77777777777
const NS = 1_000_000_000n

/** Everything before the member's data. */
export function headerOf(member: PackedMember): Buffer {
  const path = member.type === 'directory' ? `${member.path}/` : member.path
  const pax = paxOf(member, path)
  if (pax.length === 0) return ustar(member, path, TYPE_FLAGS[member.type])
  const about = { ...member, size: pax.length, link: '' }
  return Buffer.concat([
    ustar(about, `PaxHeaders/${path}`, PAX_FLAG),
    pax,
    paddingAfter(pax.length),
    ustar(member, path, TYPE_FLAGS[member.type]),
  ])
}

/** Data fills whole blocks. */
export function paddingAfter(bytes: number): Buffer {
  return Buffer.alloc((TAR_BLOCK_BYTES - (bytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES)
}

function paxOf({ link, uid, gid, size, mtimeNs, xattrs }: PackedMember, path: string): Buffer {
  const records: Buffer[] = []
  const add = (key: string, value: string | Buffer): void => void records.push(record(key, value))
  if (!fits(path)) add('path', path)
  if (!fits(link)) add('linkpath', link)
  if (uid > ID_MAX) add('uid', String(uid))
  if (gid > ID_MAX) add('gid', String(gid))
  if (size > LONG_MAX) add('size', String(size))
  if (mtimeNs % NS !== 0n || mtimeNs < 0n || mtimeNs / NS > BigInt(LONG_MAX))
    add('mtime', secondsOf(mtimeNs))
  for (const [name, value] of xattrs) add(`SCHILY.xattr.${name}`, value)
  return Buffer.concat(records)
}

/** The field's bytes are a name in any encoding; only ASCII is the same in all. */
const fits = (name: string): boolean =>
  Buffer.byteLength(name) <= NAME_BYTES && /^[\x20-\x7e]*$/.test(name)

function secondsOf(ns: bigint): string {
  const [sign, amount] = ns < 0n ? ['-', -ns] : ['', ns]
  return `${sign}${amount / NS}.${String(amount % NS).padStart(9, '0')}`
}

/** `LENGTH KEY=VALUE\n`, where the length counts its own digits. */
function record(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length++
  return Buffer.concat([Buffer.from(String(length)), rest])
}

/** A number that does not fit is 0 here, and in a record. */
function ustar(member: PackedMember, path: string, flag: string): Buffer {
  const { mode, uid, gid, size, mtimeNs, link } = member
  const header = Buffer.alloc(TAR_BLOCK_BYTES)
  const octal = (value: number, at: number, digits: number): void => {
    const text = value >= 0 && value < 8 ** digits ? value.toString(8) : ''
    header.write(text.padStart(digits, '0'), at, 'latin1')
  }
  header.write(path, 0, NAME_BYTES)
  octal(mode, 100, 7)
  octal(uid, 108, 7)
  octal(gid, 116, 7)
  octal(size, 124, 11)
  octal(Number(mtimeNs / NS), 136, 11)
  header.write(flag, 156, 'latin1')
  header.write(link, 157, NAME_BYTES)
  header.write('ustar\x0000', 257, 'latin1')
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}
