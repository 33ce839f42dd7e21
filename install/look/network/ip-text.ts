// Addresses and networks as configuration files write them, brought into the one spelling that the kernel uses.
import { isIP } from 'node:net'
import {
  classfulPrefix,
  familyOf,
  ipBytes,
  ipText,
  prefixOfMask,
  type Cidr,
} from '../../../netlink/ip-address.ts'

export type Family = 4 | 6

export const bitsOf = (address: string): 32 | 128 => (familyOf(address) === 4 ? 32 : 128)

export const defaultRoute = (family: Family): Cidr => ({
  address: family === 4 ? '0.0.0.0' : '::',
  prefix: 0,
})

/** RFC 5952's spelling, without a zone (`%eth0`); null for what is not an address. */
export function ipOf(text: string): string | null {
  const address = text.replace(/%.*/, '')
  return isIP(address) === 0 ? null : ipText(ipBytes(address))
}

/** The addresses among the words. */
export const ipsOf = (words: readonly string[]): string[] =>
  words.map(ipOf).filter((address) => address !== null)

export const wordsOf = (text: string): string[] => text.split(/[\s,;]+/).filter(Boolean)

/** A prefix's length as it is, or from a netmask; null for what is neither. */
function prefixOf(text: string, family: Family): number | null {
  if (/^\d{1,3}$/.test(text)) {
    const prefix = Number(text)
    return prefix <= (family === 4 ? 32 : 128) ? prefix : null
  }
  return family === 4 && isIP(text) === 4 ? prefixOfMask(text) : null
}

/**
 * `192.0.2.7/24`, `192.0.2.7/255.255.255.0`, or an address with its netmask or prefix beside it. What has
 * neither gets `missing`; null for what is not an address with a prefix.
 */
export function cidrOf(
  text: string,
  mask: string | null = null,
  missing: (address: string) => number = bitsOf,
): Cidr | null {
  const [first = '', inText] = text.split('/', 2)
  const address = ipOf(first.trim())
  if (address === null) return null
  const bits = inText ?? mask
  const prefix =
    bits === null || bits === '' ? missing(address) : prefixOf(bits.trim(), familyOf(address))
  return prefix === null ? null : { address, prefix }
}

/** What tools take where no netmask is given. */
export const customaryPrefix = (address: string): number =>
  familyOf(address) === 4 ? classfulPrefix(address) : 64

/** `default` and `any` too; a lone address is a host. Null for what is not a destination. */
export function destinationOf(
  text: string,
  family: Family,
  mask: string | null = null,
): Cidr | null {
  return text === 'default' || text === 'any' ? defaultRoute(family) : cidrOf(text, mask)
}

/** Lower case, with colons; null for what is not a MAC address. */
export function macOf(text: string): string | null {
  const digits = text.toLowerCase().replace(/[:.-]/g, '')
  return /^[0-9a-f]{12}$/.test(digits) ? (digits.match(/../g) ?? []).join(':') : null
}

/** `52:54:00:12:34:56`; null for an interface without one (OpenVZ's venet0). */
export function macText(mac: Uint8Array): string | null {
  return mac.length === 6 && mac.some((byte) => byte !== 0)
    ? macOf(Buffer.from(mac).toString('hex'))
    : null
}

export const cidrText = ({ address, prefix }: Cidr): string => `${address}/${prefix}`

export const isDefault = ({ prefix }: Cidr): boolean => prefix === 0

/** 127/8 and ::1. */
export const isLoopback = (address: string): boolean => address === '::1' || /^127\./.test(address)

/** 169.254/16 and fe80::/10: what a machine gives itself. */
export const isLinkLocal = (address: string): boolean =>
  /^169\.254\./.test(address) || /^fe[89ab][0-9a-f]:/.test(address)

/** True for an IPv6 address that ends as a MAC address makes it (RFC 4291, appendix A). */
export function isModifiedEui64(address: string, mac: Uint8Array): boolean {
  const [first = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac
  const end = Buffer.of(first ^ 2, b, c, 0xff, 0xfe, d, e, f)
  return mac.length === 6 && end.equals(ipBytes(address).subarray(8))
}
