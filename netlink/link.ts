// Interfaces as rtnetlink(7) tells of them.
import { cText, decodeAttributes, type NetlinkMessage } from './netlink.ts'
import { RouteMessage } from './rtnetlink-message.ts'

/** IFF_* of <linux/if.h>. */
export const InterfaceFlag = {
  up: 0x1,
  loopback: 0x8,
  pointToPoint: 0x10,
  lowerUp: 0x10000,
} as const
/** ARPHRD_ETHER of <linux/if_arp.h>. */
const HARDWARE_ETHERNET = 1
/** IFLA_* of <linux/if_link.h>. */
export const LinkAttribute = {
  address: 1,
  name: 3,
  mtu: 4,
  master: 10,
  linkInfo: 18,
  permanentAddress: 54,
} as const
const LINK_INFO_KIND = 1

export interface Link {
  index: number
  name: string
  up: boolean
  /** A cable with something at its other end. */
  carrier: boolean
  loopback: boolean
  ethernet: boolean
  /** Nobody but the other end can be reached: no broadcasts, no neighbours (OpenVZ's venet0). */
  pointToPoint: boolean
  mac: Uint8Array
  /** What the hardware says, whatever `mac` was changed to; null before Linux 5.6 and in software. */
  permanentMac: Uint8Array | null
  mtuBytes: number
  /** The bridge or bond that it is a port of; null for none. */
  master: number | null
  /** 'veth', 'bridge' ...; null for hardware. */
  kind: string | null
}

/** struct ifinfomsg; of the flags only those in `mask` change. */
export function linkHeader(link: number, flags: number, mask: number): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeInt32LE(link, 4)
  bytes.writeUInt32LE(flags, 8)
  bytes.writeUInt32LE(mask, 12)
  return bytes
}

/** Null for what is not about an interface. */
export function decodeLink({ type, payload }: NetlinkMessage): Link | null {
  if (type !== RouteMessage.newLink && type !== RouteMessage.deleteLink) return null
  if (payload.length < 16) return null
  const flags = payload.readUInt32LE(8)
  const has = (flag: number): boolean => (flags & flag) !== 0
  const attributes = decodeAttributes(payload.subarray(16))
  const number = (attribute: number): number | null => {
    const value = attributes.get(attribute)
    return value?.length === 4 ? value.readUInt32LE() : null
  }
  const info = decodeAttributes(attributes.get(LinkAttribute.linkInfo) ?? Buffer.alloc(0))
  const permanent = attributes.get(LinkAttribute.permanentAddress)
  return {
    index: payload.readInt32LE(4),
    name: cText(attributes.get(LinkAttribute.name)) ?? '',
    up: has(InterfaceFlag.up),
    carrier: has(InterfaceFlag.lowerUp),
    loopback: has(InterfaceFlag.loopback),
    ethernet: payload.readUInt16LE(2) === HARDWARE_ETHERNET,
    pointToPoint: has(InterfaceFlag.pointToPoint),
    mac: Uint8Array.from(attributes.get(LinkAttribute.address) ?? []),
    permanentMac: permanent === undefined ? null : Uint8Array.from(permanent),
    mtuBytes: number(LinkAttribute.mtu) ?? 0,
    master: number(LinkAttribute.master),
    kind: cText(info.get(LINK_INFO_KIND)),
  }
}
