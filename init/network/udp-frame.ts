// IPv4 and UDP headers for DHCP over a packet socket: there the kernel adds none and checks nothing.
import { ipv4Bytes, ipv4Text } from '../../netlink/ip-address.ts'

export interface Datagram {
  sourceAddress: string
  sourcePort: number
  destinationAddress: string
  destinationPort: number
  payload: Uint8Array
}

const IP_BYTES = 20
const UDP_BYTES = 8
const PROTOCOL_UDP = 17
const TTL = 64
/** RFC 1349's "minimize delay", which DHCP clients set by custom: some switches queue it first. */
const TOS = 0x10

export function encodeDatagram(datagram: Datagram): Buffer {
  const udpBytes = UDP_BYTES + datagram.payload.length
  const packet = Buffer.alloc(IP_BYTES + udpBytes)
  packet[0] = 0x45
  packet[1] = TOS
  packet.writeUInt16BE(packet.length, 2)
  packet[8] = TTL
  packet[9] = PROTOCOL_UDP
  packet.set(ipv4Bytes(datagram.sourceAddress), 12)
  packet.set(ipv4Bytes(datagram.destinationAddress), 16)
  packet.writeUInt16BE(checksum(packet.subarray(0, IP_BYTES)), 10)
  packet.writeUInt16BE(datagram.sourcePort, IP_BYTES)
  packet.writeUInt16BE(datagram.destinationPort, IP_BYTES + 2)
  packet.writeUInt16BE(udpBytes, IP_BYTES + 4)
  packet.set(datagram.payload, IP_BYTES + UDP_BYTES)
  // RFC 768: 0 means "no checksum", and a computed 0 is sent as its other form.
  packet.writeUInt16BE(udpChecksum(packet) || 0xffff, IP_BYTES + 6)
  return packet
}

/** The checksum of UDP covers the addresses, protocol and length too (RFC 768's pseudo header). */
function udpChecksum(packet: Buffer): number {
  const udp = packet.subarray(IP_BYTES)
  const pseudo = Buffer.alloc(12)
  packet.copy(pseudo, 0, 12, IP_BYTES)
  pseudo[9] = PROTOCOL_UDP
  pseudo.writeUInt16BE(udp.length, 10)
  return checksum(Buffer.concat([pseudo, udp]))
}

/** The Internet checksum (RFC 1071): 0 over data that holds its own. */
export function checksum(bytes: Buffer): number {
  let sum = 0
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += bytes.readUInt16BE(i)
  if (bytes.length % 2 === 1) sum += (bytes[bytes.length - 1] ?? 0) << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/**
 * Null for anything but a whole, unfragmented UDP datagram. The UDP checksum is not checked: on a
 * packet from the same host (veth, virtio) it is left for a network card that is not there, and
 * the option that tells so needs recvmsg(2).
 */
export function decodeDatagram(packet: Buffer): Datagram | null {
  if (packet.length < IP_BYTES || (packet[0] ?? 0) >> 4 !== 4) return null
  const ipBytes = ((packet[0] ?? 0) & 15) * 4
  const total = packet.readUInt16BE(2)
  if (ipBytes < IP_BYTES || total > packet.length || total < ipBytes + UDP_BYTES) return null
  const fragmented = (packet.readUInt16BE(6) & 0x3fff) !== 0
  if (fragmented || packet[9] !== PROTOCOL_UDP || checksum(packet.subarray(0, ipBytes)) !== 0) {
    return null
  }
  const udpBytes = packet.readUInt16BE(ipBytes + 4)
  if (udpBytes < UDP_BYTES || ipBytes + udpBytes > total) return null
  return {
    sourceAddress: ipv4Text(packet, 12),
    sourcePort: packet.readUInt16BE(ipBytes),
    destinationAddress: ipv4Text(packet, 16),
    destinationPort: packet.readUInt16BE(ipBytes + 2),
    payload: packet.subarray(ipBytes + UDP_BYTES, ipBytes + udpBytes),
  }
}
