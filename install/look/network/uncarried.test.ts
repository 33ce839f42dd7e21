import { expect, test } from 'vitest'
import type { Address } from '../../../netlink/address.ts'
import type { Link } from '../../../netlink/link.ts'
import { RouteOrigin, RouteTable, RouteType, type Route } from '../../../netlink/route.ts'
import type { Known } from './known.ts'
import { memoryFiles } from './memory-files.ts'
import { carriable, uncarried } from './uncarried.ts'

let index = 1
const known = (name: string, kind: string | null = null, more: Partial<Link> = {}): Known => ({
  link: {
    ...{ index: ++index, name, up: true, carrier: true, loopback: false, ethernet: true },
    ...{ pointToPoint: false, mac: Buffer.of(2, 0, 0, 0, 0, index), permanentMac: null },
    ...{ mtuBytes: 1500, master: null, kind, ...more },
  },
  ...{ mac: null, addresses: [], routes: [], files: null, leases: [] },
})
const address: Address = {
  ...{ family: 4, address: '192.0.2.7', prefix: 24, link: 2, permanent: true, linkLocal: false },
}
const wayOut: Route = {
  ...{ family: 4, link: 2, destination: { address: '0.0.0.0', prefix: 0 }, gateway: '192.0.2.1' },
  ...{ onLink: false, source: null, priority: 0, origin: RouteOrigin.boot },
  ...{ table: RouteTable.main, type: RouteType.unicast },
}
const names = (all: readonly Known[], contents = {}): string[] =>
  carriable(memoryFiles(contents), all).map(({ link }) => link.name)

test('hardware, but not what a bridge or bond holds, nor wireless', () => {
  const bond = known('bond0', 'bond')
  const all = [
    ...[known('eth0'), known('eth1', null, { master: bond.link.index }), bond],
    ...[known('wlan0'), known('eth0.4', 'vlan'), known('wg0', 'wireguard', { ethernet: false })],
  ]
  expect(names(all, { '/sys/class/net/wlan0/wireless/status': '' })).toEqual(['eth0'])
})

test("a veth is a container's own interface, or leads into one", () => {
  const veth = known('veth0', 'veth')
  const venet = known('venet0', null, { ethernet: false })
  expect(names([venet, veth])).toEqual(['venet0', 'veth0'])
  expect(names([known('eth0'), veth])).toEqual(['eth0'])
})

test('with the way out a problem, with an address a warning, else nothing', () => {
  const bond = { ...known('bond0', 'bond'), addresses: [address], routes: [wayOut] }
  const ports = ['eth0', 'eth1'].map((name) => known(name, null, { master: bond.link.index }))
  const odd = { ...known('x0', 'ifb'), addresses: [address] }
  const ppp = { ...known('ppp0', null, { ethernet: false }), addresses: [address] }
  const linkLocal = { ...address, address: 'fe80::1', linkLocal: true }
  const idle = { ...known('br0', 'bridge'), addresses: [linkLocal] }
  expect(uncarried([bond, ...ports, odd, ppp, idle], [bond, ...ports])).toEqual({
    problems: [
      'the default route goes out by bond0 (a bond) with the ports eth0, eth1, which a node cannot ' +
        'make: give its addresses and routes to a plain Ethernet interface first',
    ],
    warnings: [
      'x0 (of the kind ifb) is not taken along',
      'ppp0 (not an Ethernet) is not taken along',
    ],
  })
})
