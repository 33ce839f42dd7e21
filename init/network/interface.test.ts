import { beforeEach, expect, test } from 'vitest'
import type { Lease } from './dhcp-lease.ts'
import type { DhcpMessage, DhcpOptions, MessageType } from './dhcp-message.ts'
import { FakeTimers } from './fake-timers.ts'
import { NetworkInterface } from './interface.ts'
import { BY_DHCP, configByWords, configDigest, type InterfaceConfig } from './interface-config.ts'
import type { InterfaceEnvironment } from './interface-environment.ts'
import type { Address } from '../../netlink/address.ts'
import type { Link } from '../../netlink/link.ts'
import type { Rtnetlink } from '../../netlink/rtnetlink.ts'

const mac = Uint8Array.of(2, 0, 0, 0, 0, 1)
const link: Link = {
  index: 2,
  name: 'eth0',
  up: true,
  carrier: true,
  loopback: false,
  ethernet: true,
  pointToPoint: false,
  mac,
  permanentMac: null,
  mtuBytes: 1500,
  master: null,
  kind: null,
}

let story: string[]
let timers: FakeTimers
let there: Address[]
/** What the kernel refuses. */
let refused: Set<string>
let deliver: (message: DhcpMessage) => void

beforeEach(() => {
  story = []
  timers = new FakeTimers()
  there = []
  refused = new Set()
  const keys = ['disable_ipv6=0', 'forwarding=0', 'accept_ra=1', 'autoconf=1']
  sysctls = new Map(
    keys
      .map((key) => key.split('='))
      .map(([key = '', value = '']) => [`/proc/sys/net/ipv6/conf/eth0/${key}`, value]),
  )
})

/** What is under /proc/sys. */
let sysctls: Map<string, string>
const missing = (path: string): never => {
  throw new Error(`ENOENT ${path}`)
}

function note(what: string): void {
  story.push(what)
  const [act = ''] = what.split(' ')
  if (refused.has(act)) throw new Error(`${act} refused`)
}

const rtnetlink: Rtnetlink = {
  links: () => [],
  addresses: () => there,
  routes: () => [],
  setUp: (index) => note(`up ${index}`),
  setDown: (index) => note(`down ${index}`),
  rename: (index, name) => note(`rename ${index} ${name}`),
  setMtu: (_, mtu) => note(`mtu ${mtu}`),
  putAddress: ({ address, prefix, validSeconds }) =>
    note(`address ${address}/${prefix} for ${validSeconds ?? 'ever'}`),
  deleteAddress: (_, { address, prefix }) => note(`delete ${address}/${prefix}`),
  putRoute: ({ destination, gateway, source }) =>
    note(
      `route ${destination.address}/${destination.prefix} by ${gateway ?? 'link'} from ${source ?? 'any'}`,
    ),
  close: () => undefined,
}

const environment = (): InterfaceEnvironment => ({
  rtnetlink,
  files: {
    read: (path) => sysctls.get(path) ?? missing(path),
    write: (path, value) => {
      note(`${path.replace('/proc/sys/net/ipv6/conf/', '')}=${value}`)
      sysctls.set(path, value)
    },
  },
  timers,
  random: () => 0.5,
  hostname: null,
  openDhcpSocket: (kind, _, received) => {
    note(`open ${kind}`)
    deliver = received
    return {
      send: ({ type, options }, to) => note(`${type} ${options.requestedAddress ?? ''} to ${to}`),
      close: () => story.push(`close ${kind}`),
    }
  },
  say: (line) => void story.push(`> ${line}`),
  warn: (problem, error) =>
    void story.push(`! ${problem}${error === null ? '' : `: ${(error as Error).message}`}`),
  changed: () => undefined,
})

const start = (
  on: Link,
  config: InterfaceConfig,
  { lease = null, digest = null }: { lease?: Lease | null; digest?: string | null } = {},
): NetworkInterface => new NetworkInterface(environment(), on, config, { lease, digest })

function answer(type: MessageType, options: DhcpOptions = {}, yourAddress = '192.0.2.7'): void {
  story = []
  deliver({
    type,
    reply: true,
    xid: 0x80000000,
    seconds: 0,
    broadcast: true,
    clientAddress: '0.0.0.0',
    yourAddress,
    mac,
    options: { serverId: '192.0.2.1', leaseSeconds: 3600, subnetMask: '255.255.255.0', ...options },
  })
}

test('an interface with a carrier gets a lease; the sockets are open only while they are needed', () => {
  start(link, BY_DHCP)
  expect(story).toEqual(['open packet', 'discover  to 255.255.255.255'])
  answer('offer')
  answer('ack', { routers: ['192.0.2.1'], mtuBytes: 1450 })
  expect(story).toEqual([
    'close packet',
    'mtu 1450',
    'address 192.0.2.7/24 for 3600',
    'route 0.0.0.0/0 by 192.0.2.1 from 192.0.2.7',
    '> network: eth0 192.0.2.7/24 by DHCP',
  ])
  story = []
  timers.advance(1_800_000)
  expect(story).toEqual(['open udp', 'request  to 192.0.2.1'])
  answer('ack')
  expect(story).toEqual(['close udp', 'address 192.0.2.7/24 for 3600'])
})

test('it waits for a carrier', () => {
  const eth0 = start({ ...link, up: false, carrier: false }, BY_DHCP)
  expect(story).toEqual(['up 2'])
  eth0.update(link)
  expect(story.slice(1)).toEqual(['open packet', 'discover  to 255.255.255.255'])
  eth0.update({ ...link, mtuBytes: 1400 })
  expect(story).toHaveLength(3)
})

test('the address of an earlier life is asked for again; another one takes its place', () => {
  there = [
    { family: 4, link: 2, address: '192.0.2.9', prefix: 24, permanent: false, linkLocal: false },
    { family: 4, link: 3, address: '192.0.2.8', prefix: 24, permanent: false, linkLocal: false },
    { family: 4, link: 2, address: '192.0.2.5', prefix: 24, permanent: true, linkLocal: false },
  ]
  start(link, BY_DHCP)
  expect(story.at(-1)).toBe('discover 192.0.2.9 to 255.255.255.255')
  answer('offer')
  answer('ack')
  // In this order: the kernel removes an address along with an older one of the same network.
  expect(story.slice(1, 3)).toEqual(['delete 192.0.2.9/24', 'address 192.0.2.7/24 for 3600'])
  expect(story.filter((line) => line.startsWith('delete'))).toHaveLength(1)
})

test('a lease that is over takes the address away', () => {
  const eth0 = start(link, BY_DHCP)
  answer('offer')
  answer('ack')
  expect(eth0.lease?.address.address).toBe('192.0.2.7')
  story = []
  timers.advance(3_600_000)
  expect(story).toContain('> network: eth0 has lost 192.0.2.7')
  expect(story).toContain('delete 192.0.2.7/24')
  expect(story.at(-1)).toBe('discover 192.0.2.7 to 255.255.255.255')
  expect(eth0.lease).toBeNull()
})

test('an address outside its gateway, as big hosters give: routes on the link come first', () => {
  start(link, BY_DHCP)
  answer('offer')
  answer('ack', {
    subnetMask: '255.255.255.255',
    routes: [
      { destination: { address: '0.0.0.0', prefix: 0 }, gateway: '198.51.100.1' },
      { destination: { address: '198.51.100.1', prefix: 32 }, gateway: '0.0.0.0' },
    ],
  })
  expect(story.slice(1, 4)).toEqual([
    'address 192.0.2.7/32 for 3600',
    'route 198.51.100.1/32 by link from 192.0.2.7',
    'route 0.0.0.0/0 by 198.51.100.1 from 192.0.2.7',
  ])
})

test('what fails is said and tried again', () => {
  refused = new Set(['open'])
  start(link, BY_DHCP)
  expect(story).toEqual(['open packet', '! eth0: no socket for DHCP: open refused'])
  refused = new Set(['address'])
  timers.advance(2000)
  answer('offer')
  answer('ack')
  expect(story.at(-1)).toBe('! eth0: the lease cannot be used: address refused')
  story = []
  refused = new Set(['route'])
  timers.advance(10_000)
  expect(story).toEqual(['open packet', 'discover  to 255.255.255.255'])
  answer('offer')
  answer('ack', { routers: ['192.0.2.1'] })
  expect(story.slice(-2)).toEqual([
    '! eth0: route 0.0.0.0/0 by 192.0.2.1 is refused: route refused',
    '> network: eth0 192.0.2.7/24 by DHCP',
  ])
})

test('silence and refusals are said, without control characters', () => {
  start(link, BY_DHCP)
  timers.advance(120_000)
  expect(story.filter((line) => line.startsWith('!'))).toEqual([
    '! eth0: no DHCP server has answered yet',
  ])
  answer('offer')
  answer('nak', { message: 'go\x1b[2Jaway' })
  expect(story).toContain('! eth0: the DHCP server refuses: go?[2Jaway')
})

test('a fixed address is set at once, and again when that fails, which is said once', () => {
  refused = new Set(['address'])
  const address = { address: '192.0.2.5', prefix: 32 }
  start({ ...link, carrier: false }, configByWords(address, '198.51.100.1', BY_DHCP))
  const route = 'route 0.0.0.0/0 by 198.51.100.1 from 192.0.2.5'
  expect(story).toEqual([
    ...['up 2', 'address 192.0.2.5/32 for ever'],
    ...['! eth0: address 192.0.2.5/32 is refused: address refused', route],
  ])
  story = []
  timers.advance(10_000)
  expect(story).toEqual(['up 2', 'address 192.0.2.5/32 for ever', route])
  story = []
  refused = new Set()
  timers.advance(10_000)
  expect(story).toEqual([
    ...['up 2', 'address 192.0.2.5/32 for ever', route],
    '> network: eth0 192.0.2.5/32 as set',
  ])
  timers.advance(60_000)
  expect(story).toHaveLength(4)
})

const kept: Lease = {
  ...{ address: { address: '192.0.2.7', prefix: 24 }, server: '192.0.2.1', routes: [] },
  ...{ nameServers: ['192.0.2.1'], hostname: null, domain: null, mtuBytes: null },
  ...{ renewAtMs: 1_800_000, rebindAtMs: 3_150_000, expiresAtMs: 3_600_000 },
}
const keptAddress: Address = {
  ...{ family: 4, link: 2, address: '192.0.2.7', prefix: 24, permanent: false, linkLocal: false },
}

test('the next life goes on with the lease: nothing is sent or changed before its time', () => {
  there = [keptAddress]
  timers.advance(1_000_000)
  const eth0 = start(link, BY_DHCP, { lease: kept })
  expect(eth0.lease).toEqual(kept)
  eth0.update(link)
  timers.advance(799_999)
  expect(story).toEqual([])
  timers.advance(1)
  expect(story).toEqual(['open udp', 'request  to 192.0.2.1'])
})

test('a lease whose address is not there any more is asked for', () => {
  const eth0 = start(link, BY_DHCP, { lease: kept })
  expect(eth0.lease).toBeNull()
  expect(story).toEqual(['open packet', 'discover  to 255.255.255.255'])
})

test('without a carrier the lease goes on, and is confirmed when that comes', () => {
  there = [keptAddress]
  const eth0 = start({ ...link, carrier: false }, BY_DHCP, { lease: kept })
  expect(eth0.lease).toEqual(kept)
  eth0.update(link)
  expect(story).toEqual(['open udp', 'request  to 255.255.255.255'])
})

const everything: InterfaceConfig = {
  ...{ mtuBytes: 1400, dhcp4: true, autoconf6: false },
  addresses: [
    { address: '192.0.2.5', prefix: 24 },
    { address: '2001:DB8::5', prefix: 64 },
  ],
  routes: [
    { destination: { address: '::', prefix: 0 }, gateway: 'fe80::1', metric: null },
    { destination: { address: '10.0.0.0', prefix: 8 }, gateway: '192.0.2.1', metric: 7 },
  ],
}
const fixedAddress = (address: string, prefix: number, family: 4 | 6): Address => ({
  ...{ family, link: 2, address, prefix, permanent: true, linkLocal: false },
})
const fixedAddresses = [fixedAddress('192.0.2.5', 24, 4), fixedAddress('2001:db8::5', 64, 6)]

test('all at once: routers and MTU before it is up, then addresses and routes, then DHCP', () => {
  const eth0 = start({ ...link, up: false }, everything)
  expect(story).toEqual([
    ...['eth0/accept_ra=0', 'eth0/autoconf=0', 'mtu 1400', 'up 2'],
    ...['address 192.0.2.5/24 for ever', 'address 2001:DB8::5/64 for ever'],
    ...['route ::/0 by fe80::1 from any', 'route 10.0.0.0/8 by 192.0.2.1 from 192.0.2.5'],
    '> network: eth0 192.0.2.5/24 2001:DB8::5/64 as set',
    ...['open packet', 'discover  to 255.255.255.255'],
  ])
  expect(eth0.digest).toBe(configDigest(everything))
  answer('offer')
  answer('ack', { mtuBytes: 1450 })
  expect(story).toContain('mtu 1400')
  expect(story).not.toContain('mtu 1450')
})

test('what the life before has set is left alone, DHCP goes on', () => {
  there = [...fixedAddresses, keptAddress]
  const digest = configDigest(everything)
  const eth0 = start(link, everything, { lease: kept, digest })
  timers.advance(60_000)
  expect(story).toEqual([])
  expect(eth0.digest).toBe(digest)
  expect(eth0.lease).toEqual(kept)
})

test.each([
  ['another configuration', 'another', fixedAddresses],
  ['an address that has gone', configDigest(everything), fixedAddresses.slice(1)],
])('%s is set again', (_, digest, addresses) => {
  there = addresses
  start(link, { ...everything, dhcp4: false }, { digest })
  expect(story).toContain('address 192.0.2.5/24 for ever')
  expect(story.some((line) => line.startsWith('delete'))).toBe(false)
})

test('routers are listened to, also where the machine forwards; IPv6 is switched on', () => {
  const config = { ...everything, ...{ autoconf6: true, dhcp4: false, addresses: [], routes: [] } }
  sysctls.set('/proc/sys/net/ipv6/conf/eth0/disable_ipv6', '1')
  sysctls.set('/proc/sys/net/ipv6/conf/eth0/forwarding', '1')
  start({ ...link, mtuBytes: 1400 }, config)
  expect(story).toEqual(['eth0/disable_ipv6=0', 'eth0/accept_ra=2', 'up 2'])
})

test('a kernel without IPv6 gets the rest', () => {
  sysctls = new Map()
  start(link, { ...everything, dhcp4: false })
  expect(story).toEqual([
    ...['! eth0: the kernel has no IPv6', 'mtu 1400', 'up 2', 'address 192.0.2.5/24 for ever'],
    'route 10.0.0.0/8 by 192.0.2.1 from 192.0.2.5',
    '> network: eth0 192.0.2.5/24 as set',
  ])
})

test('what /proc/sys refuses is said', () => {
  refused = new Set(['eth0/accept_ra=0'])
  start(link, { ...everything, dhcp4: false })
  expect(story[1]).toBe(
    '! eth0: /proc/sys/net/ipv6/conf/eth0/accept_ra is not 0: eth0/accept_ra=0 refused',
  )
  expect(story.at(-1)).toContain('as set')
})
