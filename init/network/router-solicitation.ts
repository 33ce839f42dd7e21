// Asks the routers of a link to advertise themselves (RFC 4861, 4.1). The kernel asks when it brings an
// interface up; a later life of PID 1 has missed that answer, and with it the name servers.
import { closeSync } from 'node:fs'
import type { Native } from '../../sys/native.ts'
import { AddressFamily, openSocket, send, SocketType } from '../../sys/socket.ts'
import { check } from '../../sys/sys-error.ts'

const IPPROTO_ICMPV6 = 58
const IPPROTO_IPV6 = 41
const IPV6_MULTICAST_HOPS = 18
/** Receivers drop it with any other: it must not have crossed a router. */
const HOPS = 255
const ROUTER_SOLICITATION = 133
/** ff02::2. */
const ALL_ROUTERS = Buffer.from('ff020000000000000000000000000002', 'hex')

/** Throws SysError (EADDRNOTAVAIL: no link-local address yet, so the kernel will ask itself). */
export function solicitRouters(native: Native, link: number): void {
  const fd = openSocket(native, AddressFamily.inet6, SocketType.raw, IPPROTO_ICMPV6)
  try {
    const hops = Buffer.alloc(4)
    hops.writeInt32LE(HOPS)
    check(native.setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops), 'setsockopt')
    // The kernel computes the checksum of ICMPv6 itself (RFC 3542, 3.1).
    const message = Buffer.alloc(8)
    message[0] = ROUTER_SOLICITATION
    send(native, fd, message, allRouters(link))
  } finally {
    closeSync(fd)
  }
}

/** struct sockaddr_in6: family, port, flow, address, the interface as scope. */
function allRouters(link: number): Buffer {
  const bytes = Buffer.alloc(28)
  bytes.writeUInt16LE(AddressFamily.inet6, 0)
  bytes.set(ALL_ROUTERS, 8)
  bytes.writeUInt32LE(link, 24)
  return bytes
}
