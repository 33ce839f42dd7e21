import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ifupdown } from './ifupdown.ts'
import { memoryFiles } from './memory-files.ts'

const parse = (text: string, more: Readonly<Record<string, string>> = {}) =>
  ifupdown(memoryFiles({ '/etc/network/interfaces': text, ...more }))

test('what is inherited, mapped by auto, and continued over lines', () => {
  const found = parse(`
auto lo eth0=office
iface lo inet loopback
iface common inet static
  netmask 255.255.255.128
  mtu 1400
iface office inet static inherits common
  # not a comment's end \\
  address 192.0.2.7
  up ip route add 10.0.0.0/8 \\
     via 192.0.2.1 && ip link set dev eth0 mtu 1300
`)
  expect(found).toHaveLength(1)
  expect(found[0]).toMatchObject({
    interface: 'eth0',
    addresses: [{ address: '192.0.2.7', prefix: 25 }],
    routes: [{ destination: { address: '10.0.0.0', prefix: 8 }, gateway: '192.0.2.1' }],
    mtuBytes: 1300,
    notes: [],
  })
})

test('every method', () => {
  const found = parse(`
iface a inet dhcp
iface b inet6 auto
iface c inet6 dhcp
iface d inet6 auto
  dhcp 1
iface e inet6 static
  address 2001:db8::5
  accept_ra 2
iface f inet manual
iface g
  address 10.0.0.7
  gateway 10.0.0.1
  metric 7
`)
  const text = found.map(
    ({ interface: name, dhcp4, dhcp6, autoconf6, addresses, routes }) =>
      `${name} ${dhcp4} ${dhcp6} ${autoconf6} ${addresses.map(({ prefix }) => prefix).join()} ` +
      routes.map(({ metric }) => metric).join(),
  )
  expect(text).toEqual([
    'a true false null  ',
    'b false false true  ',
    'c false true null  ',
    'd false true true  ',
    'e false false true 64 ',
    'f false false null  ',
    'g false false null 8 7',
  ])
})

test('sources: patterns, directories, one that sources itself', () => {
  const found = parse('source interfaces.d/*.cfg\nsource-directory other\nsource interfaces', {
    '/etc/network/interfaces.d/a.cfg': 'iface a inet dhcp',
    '/etc/network/interfaces.d/b': 'iface b inet dhcp',
    '/etc/network/other/c': 'iface c inet dhcp\nsource /etc/network/other/*',
    '/etc/network/other/d.bak': 'iface d inet dhcp',
  })
  expect(found.map(({ interface: name, source }) => `${name} ${source}`)).toEqual([
    'a /etc/network/interfaces.d/a.cfg',
    'c /etc/network/other/c',
    'd /etc/network/other/d.bak',
  ])
})

test('routes of another interface and of another table are not its own', () => {
  const [found] = parse(`
iface eth0 inet static
  address 10.0.0.7/24
  up ip route add 10.1.0.0/16 via 10.0.0.1 dev eth1
  up ip route add 10.2.0.0/16 via 10.0.0.1 table 5; ip rule add from 10.0.0.7 table 5
  up ip addr add 10.0.0.8/24 dev "$IFACE"
  post-up iptables-restore /etc/rules
  down ip route del default
`)
  expect(found).toMatchObject({ routes: [], policyRouting: true })
  expect(found?.addresses.map(({ address }) => address)).toEqual(['10.0.0.7', '10.0.0.8'])
  expect(found?.notes).toEqual([
    'eth0: a node does not run "post-up iptables-restore /etc/rules" (/etc/network/interfaces)',
  ])
})

test('no text throws', () => {
  const piece = fc.constantFrom(
    ...['iface', 'eth0', 'inet', 'inet6', 'static', 'dhcp', 'inherits', 'auto', 'source', '*'],
    ...[
      'address',
      '10.0.0.1/24',
      'netmask',
      '255.0.255.0',
      'up',
      'ip',
      'route',
      'add',
      '\\\n',
      '\n',
    ],
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 60 }).map((all) => all.join(' ')),
  )
  fc.assert(
    fc.property(text, (config) => {
      expect(parse(config)).toBeInstanceOf(Array)
    }),
  )
})
