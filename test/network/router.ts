// An IPv6 router in a nutshell, for the tests: `router.ts INTERFACE [when-asked]` advertises a prefix and a
// name server, every second or in answer to a solicitation.
import { networkInterfaces } from 'node:os'
import { loadNative } from '../../sys/load.ts'
import { AddressFamily, SocketType } from '../../sys/socket.ts'
import { check } from '../../sys/sys-error.ts'

const [name = '', mode = 'always'] = process.argv.slice(2)
const native = loadNative()

const IPPROTO_ICMPV6 = 58
const IPPROTO_IPV6 = 41
const IPV6_MULTICAST_HOPS = 18
const IPV6_JOIN_GROUP = 20
const ROUTER_SOLICITATION = 133

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}
const link = networkInterfaces()[name]?.find(({ address }) => address.startsWith('fe80:'))
const index = link !== undefined && 'scopeid' in link ? (link.scopeid ?? 0) : 0
if (index === 0) throw new Error(`${name} has no link-local address`)

const group = (last: string): Buffer => Buffer.from(`ff02${'0'.repeat(27)}${last}`, 'hex')
const fd = check(native.socket(AddressFamily.inet6, SocketType.raw, IPPROTO_ICMPV6), 'socket')
check(native.setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, int(255)), 'setsockopt')
check(
  native.setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, Buffer.concat([group('2'), int(index)])),
  'setsockopt',
)

/** RFC 4861, 4.2: router lifetime 1800 s; prefix 2001:db8:9::/64 (on the link, autonomous); RFC 8106: the server. */
const ADVERTISEMENT = Buffer.from(
  '86000000' +
    '40000708' +
    '0000000000000000' +
    '030440c0' +
    '00000e10' +
    '00000e10' +
    '00000000' +
    '20010db8000900000000000000000000' +
    '19030000' +
    '00000e10' +
    '20010db8000900000000000000000053',
  'hex',
)

function advertise(): void {
  const everyone = Buffer.alloc(28)
  everyone.writeUInt16LE(AddressFamily.inet6, 0)
  everyone.set(group('1'), 8)
  everyone.writeUInt32LE(index, 24)
  check(native.sendto(fd, ADVERTISEMENT, 0, everyone), 'sendto')
}

native.watch(fd, () => {
  const bytes = Buffer.alloc(2048)
  while (native.recv(fd, bytes, 0) > 0) if (bytes[0] === ROUTER_SOLICITATION) advertise()
})
if (mode === 'always') setInterval(advertise, 1000)
console.log('listening')
