// The two ways DHCP messages travel: over a packet socket while we have no address, over UDP later.
import { closeSync } from 'node:fs'
import type { Native } from '../../sys/native.ts'
import {
  AddressFamily,
  bindSocket,
  openSocket,
  send,
  SOL_SOCKET,
  SocketOption,
  SocketType,
} from '../../sys/socket.ts'
import { check } from '../../sys/sys-error.ts'
import { decodeDhcp, encodeDhcp, type DhcpMessage } from './dhcp-message.ts'
import { ipv4Bytes } from '../../netlink/ip-address.ts'
import { cString } from '../../netlink/netlink.ts'
import type { Link } from '../../netlink/link.ts'
import { decodeDatagram, encodeDatagram } from './udp-frame.ts'

const CLIENT_PORT = 68
const SERVER_PORT = 67
const ETHERTYPE_IPV4 = 0x0800
const EVERYONE = '255.255.255.255'
const MAC_EVERYONE = Buffer.alloc(6, 0xff)
/** The largest Ethernet frame's payload that DHCP is sent in, with room for more than we ask for. */
const RECEIVE_BYTES = 2048
/** Packets looked at before the event loop gets its turn. */
const RECEIVED_AT_ONCE_MAX = 64

export interface DhcpSocket {
  send(message: DhcpMessage, to: string): void
  close(): void
}

/** struct sockaddr_ll: family, protocol (network order), interface, and at its end the other's MAC. */
function packetAddress(link: Link): Buffer {
  const bytes = Buffer.alloc(20)
  bytes.writeUInt16LE(AddressFamily.packet, 0)
  bytes.writeUInt16BE(ETHERTYPE_IPV4, 2)
  bytes.writeInt32LE(link.index, 4)
  bytes[11] = MAC_EVERYONE.length
  bytes.set(MAC_EVERYONE, 12)
  return bytes
}

/**
 * Sees every IPv4 packet of the interface, so it stays open only while an answer is awaited.
 * It needs no address and no route, and rp_filter does not see its packets. Throws SysError.
 */
export function openPacketSocket(
  native: Native,
  link: Link,
  received: (message: DhcpMessage) => void,
): DhcpSocket {
  const protocol = ((ETHERTYPE_IPV4 & 0xff) << 8) | (ETHERTYPE_IPV4 >> 8)
  const fd = openSocket(native, AddressFamily.packet, SocketType.datagram, protocol)
  return watched(native, fd, received, {
    prepare: () => bindSocket(native, fd, packetAddress(link)),
    payload(bytes) {
      const datagram = decodeDatagram(bytes)
      return datagram?.destinationPort === CLIENT_PORT ? datagram.payload : null
    },
    send(message) {
      const datagram = encodeDatagram({
        sourceAddress: '0.0.0.0',
        sourcePort: CLIENT_PORT,
        destinationAddress: EVERYONE,
        destinationPort: SERVER_PORT,
        payload: encodeDhcp(message),
      })
      send(native, fd, datagram, packetAddress(link))
    },
  })
}

/** struct sockaddr_in. */
function internetAddress(address: string, port: number): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt16LE(AddressFamily.inet, 0)
  bytes.writeUInt16BE(port, 2)
  bytes.set(ipv4Bytes(address), 4)
  return bytes
}

/**
 * For renewals, when the interface has its address. Bound to the interface, not to the address: a
 * server may broadcast its refusal. Throws SysError.
 */
export function openUdpSocket(
  native: Native,
  link: Link,
  received: (message: DhcpMessage) => void,
): DhcpSocket {
  const fd = openSocket(native, AddressFamily.inet, SocketType.datagram, 0)
  const option = (name: number, value: Buffer): void => {
    check(native.setsockopt(fd, SOL_SOCKET, name, value), 'setsockopt')
  }
  return watched(native, fd, received, {
    prepare() {
      option(SocketOption.reuseAddress, Buffer.of(1, 0, 0, 0))
      option(SocketOption.broadcast, Buffer.of(1, 0, 0, 0))
      option(SocketOption.bindToDevice, cString(link.name))
      bindSocket(native, fd, internetAddress('0.0.0.0', CLIENT_PORT))
    },
    payload: (bytes) => bytes,
    send: (message, to) =>
      void send(native, fd, encodeDhcp(message), internetAddress(to, SERVER_PORT)),
  })
}

interface Transport {
  prepare(): void
  /** The DHCP message inside what was received; null for other traffic. */
  payload(bytes: Buffer): Uint8Array | null
  send(message: DhcpMessage, to: string): void
}

function watched(
  native: Native,
  fd: number,
  received: (message: DhcpMessage) => void,
  transport: Transport,
): DhcpSocket {
  let open = true
  const drain = (): void => {
    for (let i = 0; open && i < RECEIVED_AT_ONCE_MAX; i++) {
      const bytes = Buffer.alloc(RECEIVE_BYTES)
      const size = native.recv(fd, bytes, 0)
      // Also ENETDOWN, once, when the interface goes: it may come back.
      if (size < 0) return
      const payload = transport.payload(bytes.subarray(0, size))
      const message = payload === null ? null : decodeDhcp(payload)
      if (message !== null) received(message)
    }
  }
  try {
    transport.prepare()
    check(native.watch(fd, drain), 'watch')
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return {
    send: (message, to) => transport.send(message, to),
    close() {
      if (!open) return
      open = false
      native.unwatch(fd)
      closeSync(fd)
    },
  }
}
