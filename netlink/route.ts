// Routes as rtnetlink(7) tells of them and takes them.
import { familyOf, ipBytes, ipText, type Cidr } from './ip-address.ts'
import { decodeAttributes, encodeAttributes, uint32, type NetlinkMessage } from './netlink.ts'
import { Family, RouteMessage, Scope } from './rtnetlink-message.ts'

/** RTA_* of <linux/rtnetlink.h>. */
const RouteAttribute = {
  destination: 1,
  outInterface: 4,
  gateway: 5,
  priority: 6,
  preferredSource: 7,
  multipath: 9,
  table: 15,
  /** A gateway of the other family. */
  via: 18,
} as const
/** Whose a route is: RTPROT_* of <linux/rtnetlink.h>. */
export const RouteOrigin = { redirect: 1, kernel: 2, boot: 3, static: 4, ra: 9, dhcp: 16 } as const
/** RT_TABLE_* of <linux/rtnetlink.h>. */
export const RouteTable = { main: 254, local: 255 } as const
/** RTN_* of <linux/rtnetlink.h>. */
export const RouteType = {
  unicast: 1,
  local: 2,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
} as const
/** The gateway counts as reachable on this link, whatever the addresses say. */
const RTNH_F_ONLINK = 4
/** A cache entry, not a route that somebody made. */
const RTM_F_CLONED = 0x200
const MESSAGE_BYTES = 12
/** struct rtnexthop. */
const NEXT_HOP_BYTES = 8

/** One way of a route: a route over several gateways is as many of these. */
export interface Route {
  family: 4 | 6
  /** null: none, as an unreachable one. */
  link: number | null
  destination: Cidr
  /** null: on the link itself. Of the other family where the kernel knows that (RTA_VIA). */
  gateway: string | null
  onLink: boolean
  /** Our address that packets on this route carry; null: the kernel chooses. */
  source: string | null
  /** The smaller, the better. */
  priority: number
  /** RouteOrigin, or any other number. */
  origin: number
  /** RouteTable, or any other number. */
  table: number
  /** RouteType, or any other number. */
  type: number
}

export interface NewRoute {
  link: number
  destination: Cidr
  /** null: on the link itself. */
  gateway: string | null
  /** The gateway is on the link although no network of ours has it (IPv6: since Linux 4.16). */
  onLink: boolean
  /** Our address that packets on this route carry, with which the route goes; null: the kernel chooses. */
  source: string | null
  /** The smaller, the better. */
  priority: number
  origin: number
}

/** None for what is not about an IPv4 or IPv6 route. */
export function decodeRoutes({ type, payload }: NetlinkMessage): Route[] {
  if (type !== RouteMessage.newRoute && type !== RouteMessage.deleteRoute) return []
  if (payload.length < MESSAGE_BYTES) return []
  const family = payload[0] === Family.inet ? 4 : payload[0] === Family.inet6 ? 6 : null
  const flags = payload.readUInt32LE(8)
  if (family === null || (flags & RTM_F_CLONED) !== 0) return []
  const attributes = decodeAttributes(payload.subarray(MESSAGE_BYTES))
  const address = (attribute: number): string | null => addressOrNull(attributes.get(attribute))
  const common = {
    family,
    destination: {
      address: address(RouteAttribute.destination) ?? (family === 4 ? '0.0.0.0' : '::'),
      prefix: payload[1] ?? 0,
    },
    source: address(RouteAttribute.preferredSource),
    priority: number(attributes, RouteAttribute.priority) ?? 0,
    origin: payload[5] ?? 0,
    table: number(attributes, RouteAttribute.table) ?? payload[4] ?? 0,
    type: payload[7] ?? 0,
  } as const
  const hops = attributes.get(RouteAttribute.multipath)
  if (hops !== undefined) return decodeHops(hops).map((hop) => ({ ...common, ...hop }))
  const link = number(attributes, RouteAttribute.outInterface)
  return [{ ...common, link, ...gatewayOf(attributes), onLink: (flags & RTNH_F_ONLINK) !== 0 }]
}

type Attributes = ReadonlyMap<number, Buffer>
type Hop = Pick<Route, 'link' | 'gateway' | 'onLink'>

/** struct rtnexthop: length, flags, weight, the interface, then attributes; one after another. */
function decodeHops(bytes: Buffer): Hop[] {
  const hops: Hop[] = []
  for (let at = 0; at + NEXT_HOP_BYTES <= bytes.length;) {
    const length = bytes.readUInt16LE(at)
    if (length < NEXT_HOP_BYTES || at + length > bytes.length) break
    hops.push({
      link: bytes.readInt32LE(at + 4),
      ...gatewayOf(decodeAttributes(bytes.subarray(at + NEXT_HOP_BYTES, at + length))),
      onLink: ((bytes[at + 2] ?? 0) & RTNH_F_ONLINK) !== 0,
    })
    at += (length + 3) & ~3
  }
  return hops
}

/** struct rtvia is a family, in two bytes, and an address. */
function gatewayOf(attributes: Attributes): Pick<Route, 'gateway'> {
  const via = attributes.get(RouteAttribute.via)?.subarray(2)
  return { gateway: addressOrNull(attributes.get(RouteAttribute.gateway) ?? via) }
}

function number(attributes: Attributes, attribute: number): number | null {
  const value = attributes.get(attribute)
  return value?.length === 4 ? value.readUInt32LE() : null
}

const addressOrNull = (bytes: Buffer | undefined): string | null =>
  bytes?.length === 4 || bytes?.length === 16 ? ipText(bytes) : null

/** struct rtmsg and its attributes. */
export function encodeRoute(route: NewRoute): Buffer {
  const { link, destination, gateway, onLink, source, priority, origin } = route
  const family = familyOf(destination.address)
  const header = Buffer.alloc(MESSAGE_BYTES)
  header[0] = family === 4 ? Family.inet : Family.inet6
  header[1] = destination.prefix
  header[4] = RouteTable.main
  header[5] = origin
  header[6] = gateway === null ? Scope.link : Scope.universe
  header[7] = RouteType.unicast
  header.writeUInt32LE(gateway !== null && onLink ? RTNH_F_ONLINK : 0, 8)
  const attributes: [number, Uint8Array][] = [
    [RouteAttribute.outInterface, uint32(link)],
    [RouteAttribute.priority, uint32(priority)],
  ]
  if (source !== null) attributes.push([RouteAttribute.preferredSource, ipBytes(source)])
  if (destination.prefix > 0) {
    attributes.push([RouteAttribute.destination, ipBytes(destination.address)])
  }
  if (gateway !== null) attributes.push(encodeGateway(gateway, family))
  return Buffer.concat([header, encodeAttributes(attributes)])
}

function encodeGateway(gateway: string, routeFamily: 4 | 6): [number, Uint8Array] {
  const family = familyOf(gateway)
  if (family === routeFamily) return [RouteAttribute.gateway, ipBytes(gateway)]
  const via = Buffer.alloc(2)
  via.writeUInt16LE(family === 4 ? Family.inet : Family.inet6)
  return [RouteAttribute.via, Buffer.concat([via, ipBytes(gateway)])]
}
