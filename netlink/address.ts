// Addresses of interfaces as rtnetlink(7) tells of them and takes them.
import { broadcastOf, familyOf, ipBytes, ipText, type Cidr } from './ip-address.ts'
import { decodeAttributes, encodeAttributes, uint32, type NetlinkMessage } from './netlink.ts'
import { Family, RouteMessage, Scope } from './rtnetlink-message.ts'

/** IFA_* of <linux/if_addr.h>. */
const AddressAttribute = { address: 1, local: 2, broadcast: 4, cacheInfo: 6 } as const
const IFA_F_PERMANENT = 0x80

export interface Address extends Cidr {
  family: 4 | 6
  link: number
  /** False for one with a lifetime, and for what a router's advertisement gave. */
  permanent: boolean
  /** Only reachable on its link (fe80::). */
  linkLocal: boolean
}

export interface NewAddress extends Cidr {
  link: number
  /** The kernel removes it by itself then; null: never. */
  validSeconds: number | null
}

/** Null for what is not about an IPv4 or IPv6 address. */
export function decodeAddress({ type, payload }: NetlinkMessage): Address | null {
  if (type !== RouteMessage.newAddress && type !== RouteMessage.deleteAddress) return null
  const family = payload[0] === Family.inet ? 4 : payload[0] === Family.inet6 ? 6 : null
  const attributes = decodeAttributes(payload.subarray(8))
  // On a point-to-point interface, `address` is the other end's.
  const bytes = attributes.get(AddressAttribute.local) ?? attributes.get(AddressAttribute.address)
  if (family === null || bytes?.length !== (family === 4 ? 4 : 16)) return null
  return {
    family,
    address: ipText(bytes),
    prefix: payload[1] ?? 0,
    link: payload.readUInt32LE(4),
    permanent: ((payload[2] ?? 0) & IFA_F_PERMANENT) !== 0,
    linkLocal: payload[3] === Scope.link,
  }
}

/** struct ifaddrmsg and its attributes. */
export function encodeAddress({ address, prefix, link, validSeconds }: NewAddress): Buffer {
  const four = familyOf(address) === 4
  const header = Buffer.alloc(8)
  header[0] = four ? Family.inet : Family.inet6
  header[1] = prefix
  header.writeUInt32LE(link, 4)
  const bytes = ipBytes(address)
  const broadcast = four ? broadcastOf({ address, prefix }) : null
  const attributes: [number, Uint8Array][] = [[AddressAttribute.address, bytes]]
  if (four) attributes.push([AddressAttribute.local, bytes])
  if (broadcast !== null) attributes.push([AddressAttribute.broadcast, ipBytes(broadcast)])
  if (validSeconds !== null) attributes.push([AddressAttribute.cacheInfo, lifetime(validSeconds)])
  return Buffer.concat([header, encodeAttributes(attributes)])
}

/** struct ifa_cacheinfo: preferred and valid seconds, and two time stamps that the kernel fills in. */
function lifetime(seconds: number): Buffer {
  return Buffer.concat([uint32(seconds), uint32(seconds), Buffer.alloc(8)])
}
