import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Link } from '../../../netlink/link.ts'
import { memoryFiles } from './memory-files.ts'
import { networkd, serverOf } from './networkd.ts'

const link = (name: string, index: number, more: Partial<Link> = {}): Link => ({
  ...{ index, name, up: true, carrier: true, loopback: false, ethernet: true },
  ...{ pointToPoint: false, mac: Buffer.of(2, 0, 0, 0, 0, index), permanentMac: null },
  ...{ mtuBytes: 1500, master: null, kind: null, ...more },
})
const links = [link('eth0', 2), link('eth1', 3), link('br0', 4, { kind: 'bridge' })]

const parse = (contents: Readonly<Record<string, string>>) => networkd(memoryFiles(contents), links)

test('the first file by name that fits; /etc hides /usr/lib; drop-ins come after', () => {
  const found = parse({
    '/usr/lib/systemd/network/10-a.network': '[Match]\nName=*\n[Network]\nDHCP=yes',
    '/etc/systemd/network/10-a.network': '[Match]\nName=eth1\n[Network]\nDHCP=ipv4',
    '/etc/systemd/network/20-b.network':
      '[Match]\nMACAddress=02-00-00-00-00-02 02:00:00:00:00:03\n[Network]\nAddress=10.0.0.9/24',
    '/run/systemd/network/20-b.network.d/x.conf': '[Network]\nAddress=\nAddress=10.0.0.2/24',
    '/etc/systemd/network/30-c.network': '[Match]\nName=!eth*\n[Network]\nDHCP=ipv6',
    '/etc/systemd/network/40-d.network': '[Match]\nName=eth7\n[Network]\nDHCP=yes',
  })
  const text = found.map(
    (one) =>
      `${one.interface} ${one.source} ${one.dhcp4} ${one.dhcp6} ` +
      one.addresses.map(({ address }) => address).join(),
  )
  expect(text).toEqual([
    'eth0 /etc/systemd/network/20-b.network false false 10.0.0.2',
    'eth1 /etc/systemd/network/10-a.network true false ',
    'br0 /etc/systemd/network/30-c.network false true ',
    'eth7 /etc/systemd/network/40-d.network true true ',
  ])
})

test('what networkd itself says counts before what the files seem to say', () => {
  const [found] = parse({
    '/etc/systemd/network/10-a.network': '[Match]\nDriver=virtio_net\n[Network]\nDHCP=yes',
    '/etc/systemd/network/20-b.network': '[Match]\nPath=pci-*\n[Network]\nAddress=10.0.0.2/24',
    '/run/systemd/netif/links/2':
      'ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/20-b.network\n',
  })
  expect(found).toMatchObject({ interface: 'eth0', inUse: true, dhcp4: false })
})

test('routes: offered gateways, other tables and blackholes are none', () => {
  const [found] = parse({
    '/etc/systemd/network/a.network': `[Match]
Name=eth0
[Network]
Gateway=192.0.2.1
Gateway=_ipv6ra
[Route]
Gateway=_dhcp4
Destination=10.1.0.0/16
[Route]
Destination=10.2.0.0/16
Type=blackhole
[Route]
Destination=10.3.0.0/16
Gateway=192.0.2.3
Table=7
[Route]
Destination=2001:db8:4::/48
[RoutingPolicyRule]
From=10.0.0.0/8
[Link]
MTUBytes=2K
`,
  })
  expect(found?.routes.map(({ destination, gateway }) => [destination.address, gateway])).toEqual([
    ['0.0.0.0', '192.0.2.1'],
    ['2001:db8:4::', null],
  ])
  expect(found).toMatchObject({ policyRouting: true, mtuBytes: 2048 })
})

test.each([
  ['192.0.2.53:5353', '192.0.2.53'],
  ['[2001:db8::53]:53%eth0#dns.example', '2001:db8::53'],
  ['2001:DB8::53#dns.example', '2001:db8::53'],
  ['dns.example', null],
])('the name server %s', (text, expected) => {
  expect(serverOf(text)).toBe(expected)
})

test('no text throws', () => {
  const piece = fc.constantFrom(
    ...[
      '[Match]',
      '[Network]',
      '[Route]',
      'Name=',
      '*',
      '[!',
      'DHCP=',
      'Address=10.0.0.1/99',
      '\\\n',
    ],
    ...['Gateway=fe80::1', 'Destination=', 'MTUBytes=9G', '\n', '=', 'DNS=1.1.1.1%#:'],
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 60 }).map((all) => all.join('')),
  )
  fc.assert(
    fc.property(text, (config) => {
      expect(parse({ '/etc/systemd/network/a.network': config })).toBeInstanceOf(Array)
    }),
  )
})
