import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Link } from '../../../netlink/link.ts'
import { memoryFiles } from './memory-files.ts'
import { networkManager } from './network-manager.ts'

const link = (name: string, index: number): Link => ({
  ...{ index, name, up: true, carrier: true, loopback: false, ethernet: true },
  ...{ pointToPoint: false, mac: Buffer.of(2, 0, 0, 0, 0, index), permanentMac: null },
  ...{ mtuBytes: 1500, master: null, kind: null },
})
const links = [link('eth0', 2), link('eth1', 3)]
const DIRECTORY = '/etc/NetworkManager/system-connections'

const parse = (contents: Readonly<Record<string, string>>) =>
  networkManager(memoryFiles(contents), links)

test('which interface: by name, MAC address, pattern, or every one', () => {
  const found = parse({
    [`${DIRECTORY}/a.nmconnection`]: '[connection]\ninterface-name=eth1\n[ipv4]\nmethod=auto',
    [`${DIRECTORY}/b`]: '[802-3-ethernet]\nmac-address=02:00:00:00:00:02\n[ipv6]\nmethod=auto',
    [`${DIRECTORY}/c`]: '[match]\ninterface-name=en*;eth1;\n[ipv6]\nmethod=dhcp',
    [`${DIRECTORY}/d`]: '[connection]\ntype=ethernet\nuuid=AB\n[ipv6]\nmethod=ignore',
    [`${DIRECTORY}/e`]: '[connection]\ntype=bond\ninterface-name=bond0',
    '/run/NetworkManager/devices/3': '[device]\nconnection-uuid=ab\n',
  })
  const text = found.map(
    (one) => `${one.interface} ${one.dhcp4} ${one.dhcp6} ${one.autoconf6} ${one.inUse}`,
  )
  expect(text).toEqual([
    'eth1 true false null false',
    'eth0 false false true false',
    'eth1 false true null false',
    'eth0 false false false false',
    'eth1 false false false true',
    'bond0 false false null false',
  ])
})

test('addresses, gateways and routes of every age', () => {
  const [found] = parse({
    [`${DIRECTORY}/a.nmconnection`]: `[connection]
interface-name=eth0
[ethernet]
mtu=1400
[ipv4]
method=manual
address1=192.0.2.7/24,192.0.2.1
address2=192.0.2.8;24;0.0.0.0;
addresses=10.0.0.1/8;10.0.0.2/8;
gateway=192.0.2.2
route1=10.1.0.0/16,192.0.2.3,50
route2=10.2.0.0/16,0.0.0.0
route2_options=table=7
dns=192.0.2.53;2001:db8::53#dns.example;
dns-search=~.;example.net;
[ipv6]
method=disabled
address1=2001:db8::7/64
`,
  })
  expect(found?.addresses.map(({ address, prefix }) => `${address}/${prefix}`)).toEqual([
    ...['192.0.2.7/24', '192.0.2.8/24', '10.0.0.1/8', '10.0.0.2/8'],
  ])
  const routes = found?.routes.map(
    ({ destination, gateway, metric }) => `${destination.address} ${gateway} ${metric}`,
  )
  expect(routes).toEqual([
    '0.0.0.0 192.0.2.1 null',
    '0.0.0.0 192.0.2.2 null',
    '10.1.0.0 192.0.2.3 50',
    '10.2.0.0 null null',
  ])
  expect(found).toMatchObject({
    ...{ mtuBytes: 1400, policyRouting: true, autoconf6: false },
    nameServers: ['192.0.2.53', '2001:db8::53'],
    searchDomains: ['example.net'],
  })
})

test('no text throws', () => {
  const piece = fc.constantFrom(
    ...[
      '[ipv4]',
      '[connection]',
      '[match]',
      'method=',
      'auto',
      'address1=',
      '1.2.3.4/99',
      ';',
      ',',
    ],
    ...['route1=', '\n', '=', 'dns=', 'interface-name=', '[', ']', '0.0.0.0', 'addresses='],
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 60 }).map((all) => all.join('')),
  )
  fc.assert(
    fc.property(text, (content) => {
      expect(parse({ [`${DIRECTORY}/a`]: content })).toBeInstanceOf(Array)
    }),
  )
})
