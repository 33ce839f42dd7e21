// IPv4 and IPv6 addresses: text to bytes and back. Addresses travel through this area as text.
import { isIPv4, isIPv6 } from 'node:net'

/** An address with the length of its network prefix, in bits. */
export interface Cidr {
  address: string
  prefix: number
}

/** Four bytes of a dotted quad. A wrong one is a bug: what comes from outside is checked before. */
export function ipv4Bytes(address: string): Buffer {
  if (!isIPv4(address)) throw new Error(`BUG: '${address}' is not an IPv4 address`)
  return Buffer.from(address.split('.').map(Number))
}

/** The dotted quad of four bytes at `offset`. */
export function ipv4Text(bytes: Uint8Array, offset = 0): string {
  return bytes.subarray(offset, offset + 4).join('.')
}

export const familyOf = (address: string): 4 | 6 => (isIPv4(address) ? 4 : 6)

/** Four or sixteen bytes. */
export const ipBytes = (address: string): Buffer =>
  familyOf(address) === 4 ? ipv4Bytes(address) : ipv6Bytes(address)

/** Of four or sixteen bytes. IPv6 in its one canonical form. */
export const ipText = (bytes: Uint8Array): string =>
  bytes.length === 4 ? ipv4Text(bytes) : ipv6Text(bytes)

/** A zone (`fe80::1%eth0`) is left out: the interface travels beside the address. */
export function ipv6Bytes(address: string): Buffer {
  if (!isIPv6(address)) throw new Error(`BUG: '${address}' is not an IPv6 address`)
  const [bare = ''] = address.split('%')
  const quad = /[\d.]+$/.exec(bare)?.[0] ?? ''
  const last = isIPv4(quad) ? ipv4Bytes(quad).toString('hex').replace(/..../, '$&:') : quad
  const [head = '', tail] = (bare.slice(0, bare.length - quad.length) + last).split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const after = groups(tail ?? '')
  const zeros = Array<string>(8 - groups(head).length - after.length).fill('0')
  const all = [...groups(head), ...zeros, ...after]
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}

export const ipv4Number = (address: string): number => ipv4Bytes(address).readUInt32BE()

/** The netmask's number for a prefix: 24 gives 0xffffff00. */
export const maskNumber = (prefix: number): number =>
  prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0

/** The prefix length of a netmask; null for one with holes (255.0.255.0). */
export function prefixOfMask(mask: string): number | null {
  const number = ipv4Number(mask)
  const prefix = Math.clz32(~number >>> 0)
  return maskNumber(prefix) === number ? prefix : null
}

/** The prefix before netmasks were sent along (RFC 791): by the address's first bits. */
export function classfulPrefix(address: string): number {
  const first = ipv4Bytes(address)[0] ?? 0
  if (first < 128) return 8
  return first < 192 ? 16 : 24
}

/** The network's own address: 10.0.2.15/24 gives 10.0.2.0. */
export function networkOf({ address, prefix }: Cidr): string {
  const bytes = ipBytes(address)
  return ipText(bytes.map((byte, i) => byte & maskByte(prefix - i * 8)))
}

/** The part of a netmask in one byte, of which `bits` or all are the network's. */
const maskByte = (bits: number): number => (0xff00 >> Math.min(Math.max(bits, 0), 8)) & 0xff

/** The address that reaches everyone in the network; a /31 or /32 has none, and gives null. */
export function broadcastOf({ address, prefix }: Cidr): string | null {
  if (prefix >= 31) return null
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE((ipv4Number(address) | ~maskNumber(prefix)) >>> 0)
  return ipv4Text(bytes)
}

/** False for an address of the other family. */
export const inNetwork = (cidr: Cidr, address: string): boolean =>
  familyOf(cidr.address) === familyOf(address) &&
  networkOf(cidr) === networkOf({ address, prefix: cidr.prefix })

/** True for an address that a machine can have: not 0/8, loopback, multicast or reserved. */
export function isHostAddress(address: string): boolean {
  const first = ipv4Bytes(address)[0] ?? 0
  return first !== 0 && first !== 127 && first < 224
}

/** `10.0.2.15/24`; null for anything else. */
export function parseCidr(text: string): Cidr | null {
  const [, address = '', bits = ''] = /^([^/]+)\/(\d{1,2})$/.exec(text) ?? []
  const prefix = Number(bits)
  return isIPv4(address) && bits !== '' && prefix <= 32 ? { address, prefix } : null
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two zero groups or more as `::`. */
export function ipv6Text(bytes: Uint8Array, offset = 0): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + offset, 16)
  const groups = Array.from({ length: 8 }, (_, i) => view.readUInt16BE(i * 2))
  const run = longestZeroRun(groups)
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':')
  if (run.length < 2) return text(groups)
  return `${text(groups.slice(0, run.start))}::${text(groups.slice(run.start + run.length))}`
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let current = { start: 0, length: 0 }
  for (const [i, group] of groups.entries()) {
    current = group === 0 ? { ...current, length: current.length + 1 } : { start: i + 1, length: 0 }
    if (current.length > best.length) best = current
  }
  return best
}
