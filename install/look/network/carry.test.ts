import { expect, test } from 'vitest'
import type { Address } from '../../../netlink/address.ts'
import { RouteOrigin, RouteTable, RouteType, type Route } from '../../../netlink/route.ts'
import { carry } from './carry.ts'
import { configured, type Configured } from './configured.ts'
import { cidrOf, destinationOf } from './ip-text.ts'
import type { Known } from './known.ts'
import type { FoundLease } from './leases.ts'

const MAC = Buffer.of(0x52, 0x54, 0, 0x12, 0x34, 0x56)

function on(text: string, permanent = true): Address {
  const cidr = cidrOf(text)
  if (cidr === null) throw new Error(`BUG: ${text}`)
  const family = text.includes(':') ? 6 : 4
  return { ...cidr, family, link: 2, permanent, linkLocal: text.startsWith('fe80') }
}
function route(to: string, gateway: string | null, origin: number = RouteOrigin.boot): Route {
  const family = (gateway ?? to).includes(':') ? 6 : 4
  const destination = destinationOf(to, family)
  if (destination === null) throw new Error(`BUG: ${to}`)
  return {
    ...{ family, link: 2, destination, gateway, onLink: false, source: null, origin },
    ...{ priority: family === 4 ? 0 : 1024, table: RouteTable.main, type: RouteType.unicast },
  }
}
const file = (more: Partial<Configured>): Configured => ({
  ...configured('eth0', 'a file'),
  ...more,
})
const lease = (more: Partial<FoundLease>): FoundLease => ({
  ...{ interface: 'eth0', addresses: [], routers: [], routes: [], nameServers: [], domains: [] },
  ...{ mtuBytes: null, complete: true, ...more },
})

interface Facts extends Partial<Pick<Known, 'addresses' | 'routes' | 'files' | 'leases'>> {
  mtuBytes?: number
}

function plan({ mtuBytes = 1500, ...facts }: Facts): string[] {
  const { planned, warnings } = carry({
    link: {
      ...{ index: 2, name: 'eth0', up: true, carrier: true, loopback: false, ethernet: true },
      ...{ pointToPoint: false, mac: MAC, permanentMac: null, mtuBytes, master: null, kind: null },
    },
    mac: '52:54:00:12:34:56',
    ...{ addresses: [], routes: [], files: null, leases: [], ...facts },
  })
  const flags = [
    planned.dhcp4 ? 'dhcp' : '',
    planned.autoconf6 ? 'autoconf' : '',
    planned.mtuBytes === null ? '' : `mtu ${planned.mtuBytes}`,
  ]
  return [
    ...flags.filter(Boolean),
    ...planned.addresses.map(({ address, prefix }) => `${address}/${prefix}`),
    ...planned.routes.map(
      ({ destination, gateway }) => `${destination.address} ${gateway ?? 'link'}`,
    ),
    ...(warnings.length === 0 ? [] : [`${warnings.length} warnings`]),
  ]
}

test('a lifetime means DHCP; what was added beside it stays', () => {
  const addresses = [on('192.0.2.7/24', false), on('198.51.100.9/32')]
  const files = file({ dhcp4: true })
  expect(plan({ addresses, files })).toEqual(['dhcp', '198.51.100.9/32', '1 warnings'])
  const listed = file({ dhcp4: true, addresses: [{ address: '198.51.100.9', prefix: 32 }] })
  expect(plan({ addresses, files: listed })).toEqual(['dhcp', '198.51.100.9/32'])
})

test('files that ask for DHCP where none is in force', () => {
  const addresses = [on('192.0.2.7/24')]
  const routes = [route('default', '192.0.2.1')]
  const old = file({ dhcp4: true })
  const kept = ['192.0.2.7/24', '0.0.0.0 192.0.2.1']
  expect(plan({ addresses, routes, files: old })).toEqual([...kept, '2 warnings'])
  // Their tool runs, or a lease has the address: a client that sets no lifetime.
  expect(plan({ addresses, routes, files: { ...old, inUse: true } })).toEqual(['dhcp'])
  const leases = [lease({ addresses: ['192.0.2.7'], routers: ['192.0.2.1'] })]
  expect(plan({ addresses, routes, files: old, leases })).toEqual(['dhcp'])
  // The lease is an old one: the address is a static one now.
  const files = file({ addresses: [{ address: '192.0.2.7', prefix: 24 }] })
  expect(plan({ addresses, leases, files })).toEqual(['192.0.2.7/24'])
})

test("dhclient's routes: the lease tells them from others", () => {
  const addresses = [on('198.51.100.7/32', false)]
  const routes = [
    route('198.51.100.1', null),
    route('default', '198.51.100.1'),
    route('10.0.0.0/8', '198.51.100.1'),
    route('10.9.0.0/16', '198.51.100.9'),
  ]
  const files = file({ dhcp4: true })
  const leases = [
    lease({
      ...{ addresses: ['198.51.100.7'], routers: ['198.51.100.1'] },
      routes: ['10.0.0.0/8 via 198.51.100.1'],
    }),
  ]
  expect(plan({ addresses, routes, files, leases })).toEqual([
    ...['dhcp', '10.9.0.0 198.51.100.9', '1 warnings'],
  ])
  // Without one, the default route and the way to its gateway are taken for DHCP's.
  expect(plan({ addresses, routes, files })).toEqual([
    ...['dhcp', '10.0.0.0 198.51.100.1', '10.9.0.0 198.51.100.9', '2 warnings'],
  ])
})

test('IPv6: what a router gave comes again, what was set stays', () => {
  const addresses = [
    on('2001:db8::5054:ff:fe12:3456/64', false),
    on('2001:db8::1:2:3:4/64', false),
    on('2001:db8::7/64'),
    on('fe80::5054:ff:fe12:3456/64'),
  ]
  // Older kernels name themselves as the origin of a router's default route.
  for (const origin of [RouteOrigin.ra, RouteOrigin.kernel]) {
    const routes = [route('default', 'fe80::1', origin), route('2001:db8::/64', null, origin)]
    expect(plan({ addresses, routes })).toEqual(['autoconf', '2001:db8::7/64', '1 warnings'])
  }
  // An endless lifetime looks like a static address.
  const endless = [on('2001:db8::5054:ff:fe12:3456/64')]
  expect(plan({ addresses: endless, files: file({ autoconf6: true }) })).toEqual(['autoconf'])
  expect(plan({ addresses: endless, files: file({}) })).toEqual([
    ...['2001:db8::5054:ff:fe12:3456/64', '1 warnings'],
  ])
})

test('DHCPv6: by the lease, or a lone address with a lifetime', () => {
  const files = file({ dhcp6: true })
  expect(plan({ addresses: [on('2001:db8::7/128', false)], files })).toEqual([
    ...['2001:db8::7/128', '1 warnings'],
  ])
  const leases = [lease({ addresses: ['2001:db8::8'] })]
  expect(plan({ addresses: [on('2001:db8::8/64', false)], files, leases })).toEqual([
    ...['2001:db8::8/64', '1 warnings'],
  ])
})

test('link-local addresses: only those of a file', () => {
  const addresses = [on('169.254.3.4/16'), on('fe80::2/64'), on('fe80::99/64')]
  expect(plan({ addresses })).toEqual([])
  const files = file({ addresses: [{ address: 'fe80::2', prefix: 64 }] })
  expect(plan({ addresses, files })).toEqual(['fe80::2/64'])
})

test('the MTU: as a file says, or unusual and not from DHCP', () => {
  const addresses = [on('192.0.2.7/24', false)]
  const static1450 = { mtuBytes: 1450, addresses: [on('192.0.2.7/24')] }
  expect(plan(static1450)).toContain('mtu 1450')
  expect(plan({ mtuBytes: 1450, addresses })).toEqual(['dhcp'])
  const leases = [lease({ addresses: ['192.0.2.7'] })]
  expect(plan({ mtuBytes: 1450, addresses, leases })).toEqual(['dhcp', 'mtu 1450'])
  expect(plan({ addresses, files: file({ mtuBytes: 1500 }) })).toEqual(['dhcp', 'mtu 1500'])
  expect(plan({ addresses, files: file({ mtuBytes: 9000 }) })).toEqual(['dhcp'])
})

test('what a file has and the interface has not is left out with a word', () => {
  const files = file({ addresses: [{ address: '192.0.2.8', prefix: 24 }] })
  expect(plan({ files })).toEqual(['1 warnings'])
})
