// Interfaces, addresses and routes (rtnetlink(7)) as data, and the questions that read and change them.
import type { NetlinkSocket } from './netlink-socket.ts'
import {
  cText,
  decodeAttributes,
  encodeAttributes,
  MessageFlag,
  uint32,
  type NetlinkMessage,
} from './netlink.ts'
import { broadcastOf, ipv4Bytes, ipv4Text, ipv6Text, type Cidr } from './ip-address.ts'

/** RTM_* of <linux/rtnetlink.h>. */
export const RouteMessage = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  newNdUserOption: 68,
} as const
/** RTNLGRP_* of <linux/rtnetlink.h>. */
export const RouteGroup = { link: 1, ndUserOption: 20 } as const

const AF_INET = 2
const AF_INET6 = 10
/** IFF_* of <linux/if.h>. */
const InterfaceFlag = { up: 0x1, loopback: 0x8, lowerUp: 0x10000 } as const
/** ARPHRD_ETHER of <linux/if_arp.h>. */
const HARDWARE_ETHERNET = 1
/** IFLA_* of <linux/if_link.h>. */
const LinkAttribute = { address: 1, name: 3, mtu: 4, master: 10, linkInfo: 18 } as const
const LINK_INFO_KIND = 1
/** IFA_* of <linux/if_addr.h>. */
const AddressAttribute = { address: 1, local: 2, broadcast: 4, cacheInfo: 6 } as const
const IFA_F_PERMANENT = 0x80
/** RTA_* of <linux/rtnetlink.h>. */
const RouteAttribute = {
  destination: 1,
  outInterface: 4,
  gateway: 5,
  priority: 6,
  preferredSource: 7,
} as const
const RouteConstant = { tableMain: 254, unicast: 1, scopeUniverse: 0, scopeLink: 253 } as const
/** Whose a route is: RTPROT_* of <linux/rtnetlink.h>. */
export const RouteOrigin = { static: 4, dhcp: 16 } as const
/** The gateway counts as reachable on this link, whatever the addresses say. */
const RTNH_F_ONLINK = 4

export interface Link {
  index: number
  name: string
  up: boolean
  /** A cable with something at its other end. */
  carrier: boolean
  loopback: boolean
  ethernet: boolean
  mac: Uint8Array
  mtuBytes: number
  /** The bridge or bond that it is a port of; null for none. */
  master: number | null
  /** 'veth', 'bridge' ...; null for hardware. */
  kind: string | null
}

export interface Address extends Cidr {
  family: 4 | 6
  link: number
  /** False for one with a lifetime. */
  permanent: boolean
  /** Only reachable on its link (fe80::). */
  linkLocal: boolean
}

export interface NewAddress extends Cidr {
  link: number
  /** The kernel removes it by itself then; null: never. */
  validSeconds: number | null
}

export interface NewRoute {
  link: number
  destination: Cidr
  /** null: on the link itself. */
  gateway: string | null
  /** Our address that packets on this route carry; with it goes the route. */
  source: string
  /** The smaller, the better. */
  priority: number
  origin: number
}

/** Everything throws SysError. */
export interface Rtnetlink {
  links(): Link[]
  addresses(): Address[]
  setUp(link: number): void
  setMtu(link: number, mtuBytes: number): void
  /** Adds the address, or gives it a new lifetime. */
  putAddress(address: NewAddress): void
  deleteAddress(link: number, address: Cidr): void
  /** Adds the route, or replaces the one with the same destination and priority. */
  putRoute(route: NewRoute): void
  close(): void
}

export function createRtnetlink(socket: NetlinkSocket): Rtnetlink {
  const put = MessageFlag.create | MessageFlag.replace
  const setLink = (link: number, flags: number, attributes: Buffer): void => {
    const header = linkHeader(link, flags)
    socket.request(`link ${link}`, RouteMessage.setLink, 0, Buffer.concat([header, attributes]))
  }
  return {
    links: () =>
      socket
        .request('links', RouteMessage.getLink, MessageFlag.dump, linkHeader(0, 0))
        .map(decodeLink)
        .filter((link) => link !== null),
    addresses: () =>
      socket
        .request('addresses', RouteMessage.getAddress, MessageFlag.dump, Buffer.alloc(8))
        .map(decodeAddress)
        .filter((address) => address !== null),
    setUp: (link) => setLink(link, InterfaceFlag.up, Buffer.alloc(0)),
    setMtu: (link, mtuBytes) =>
      setLink(link, 0, encodeAttributes([[LinkAttribute.mtu, uint32(mtuBytes)]])),
    putAddress: (address) =>
      void socket.request(
        `address ${address.address}`,
        RouteMessage.newAddress,
        put,
        encodeAddress(address),
      ),
    deleteAddress: (link, cidr) =>
      void socket.request(
        `address ${cidr.address}`,
        RouteMessage.deleteAddress,
        0,
        encodeAddress({ ...cidr, link, validSeconds: null }),
      ),
    putRoute: (route) =>
      void socket.request(
        `route ${route.destination.address}/${route.destination.prefix}`,
        RouteMessage.newRoute,
        put,
        encodeRoute(route),
      ),
    close: () => socket.close(),
  }
}

/** struct ifinfomsg; `flags` are those to set, and no other changes. */
function linkHeader(link: number, flags: number): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeInt32LE(link, 4)
  bytes.writeUInt32LE(flags, 8)
  bytes.writeUInt32LE(flags, 12)
  return bytes
}

/** Null for what is not about an interface. */
export function decodeLink({ type, payload }: NetlinkMessage): Link | null {
  if (type !== RouteMessage.newLink && type !== RouteMessage.deleteLink) return null
  if (payload.length < 16) return null
  const flags = payload.readUInt32LE(8)
  const attributes = decodeAttributes(payload.subarray(16))
  const number = (attribute: number): number | null => {
    const value = attributes.get(attribute)
    return value?.length === 4 ? value.readUInt32LE() : null
  }
  const info = decodeAttributes(attributes.get(LinkAttribute.linkInfo) ?? Buffer.alloc(0))
  return {
    index: payload.readInt32LE(4),
    name: cText(attributes.get(LinkAttribute.name)) ?? '',
    up: (flags & InterfaceFlag.up) !== 0,
    carrier: (flags & InterfaceFlag.lowerUp) !== 0,
    loopback: (flags & InterfaceFlag.loopback) !== 0,
    ethernet: payload.readUInt16LE(2) === HARDWARE_ETHERNET,
    mac: Uint8Array.from(attributes.get(LinkAttribute.address) ?? []),
    mtuBytes: number(LinkAttribute.mtu) ?? 0,
    master: number(LinkAttribute.master),
    kind: cText(info.get(LINK_INFO_KIND)),
  }
}

/** Null for what is not about an IPv4 or IPv6 address. */
export function decodeAddress({ type, payload }: NetlinkMessage): Address | null {
  if (type !== RouteMessage.newAddress && type !== RouteMessage.deleteAddress) return null
  const family = payload[0] === AF_INET ? 4 : payload[0] === AF_INET6 ? 6 : null
  const attributes = decodeAttributes(payload.subarray(8))
  // On a point-to-point interface, `address` is the other end's.
  const bytes = attributes.get(AddressAttribute.local) ?? attributes.get(AddressAttribute.address)
  if (family === null || bytes?.length !== (family === 4 ? 4 : 16)) return null
  return {
    family,
    address: family === 4 ? ipv4Text(bytes) : ipv6Text(bytes),
    prefix: payload[1] ?? 0,
    link: payload.readUInt32LE(4),
    permanent: ((payload[2] ?? 0) & IFA_F_PERMANENT) !== 0,
    linkLocal: payload[3] === RouteConstant.scopeLink,
  }
}

/** struct ifaddrmsg and its attributes. */
function encodeAddress({ address, prefix, link, validSeconds }: NewAddress): Buffer {
  const header = Buffer.alloc(8)
  header[0] = AF_INET
  header[1] = prefix
  header.writeUInt32LE(link, 4)
  const bytes = ipv4Bytes(address)
  const broadcast = broadcastOf({ address, prefix })
  const attributes: [number, Uint8Array][] = [
    [AddressAttribute.address, bytes],
    [AddressAttribute.local, bytes],
  ]
  if (broadcast !== null) attributes.push([AddressAttribute.broadcast, ipv4Bytes(broadcast)])
  if (validSeconds !== null) attributes.push([AddressAttribute.cacheInfo, lifetime(validSeconds)])
  return Buffer.concat([header, encodeAttributes(attributes)])
}

/** struct ifa_cacheinfo: preferred and valid seconds, and two time stamps that the kernel fills in. */
function lifetime(seconds: number): Buffer {
  return Buffer.concat([uint32(seconds), uint32(seconds), Buffer.alloc(8)])
}

/** struct rtmsg and its attributes. */
function encodeRoute({ link, destination, gateway, source, priority, origin }: NewRoute): Buffer {
  const header = Buffer.alloc(12)
  header[0] = AF_INET
  header[1] = destination.prefix
  header[4] = RouteConstant.tableMain
  header[5] = origin
  header[6] = gateway === null ? RouteConstant.scopeLink : RouteConstant.scopeUniverse
  header[7] = RouteConstant.unicast
  header.writeUInt32LE(gateway === null ? 0 : RTNH_F_ONLINK, 8)
  const attributes: [number, Uint8Array][] = [
    [RouteAttribute.outInterface, uint32(link)],
    [RouteAttribute.priority, uint32(priority)],
    [RouteAttribute.preferredSource, ipv4Bytes(source)],
  ]
  if (destination.prefix > 0) {
    attributes.push([RouteAttribute.destination, ipv4Bytes(destination.address)])
  }
  if (gateway !== null) attributes.push([RouteAttribute.gateway, ipv4Bytes(gateway)])
  return Buffer.concat([header, encodeAttributes(attributes)])
}
