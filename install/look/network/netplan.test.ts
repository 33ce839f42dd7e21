import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Link } from '../../../netlink/link.ts'
import { memoryFiles } from './memory-files.ts'
import { netplan } from './netplan.ts'
import { merged, yamlTree } from './yaml-tree.ts'

const link = (name: string, index: number, more: Partial<Link> = {}): Link => ({
  ...{ index, name, up: true, carrier: true, loopback: false, ethernet: true },
  ...{ pointToPoint: false, mac: Buffer.of(2, 0, 0, 0, 0, index), permanentMac: null },
  ...{ mtuBytes: 1500, master: null, kind: null, ...more },
})
const links = [link('eth0', 2), link('wan', 3), link('br0', 4, { kind: 'bridge' })]

function parse(contents: Readonly<Record<string, string>>) {
  const complaints: string[] = []
  const found = netplan(memoryFiles(contents), links, (sentence) => complaints.push(sentence))
  return { found, complaints }
}

test('matched by name, MAC address, set-name and hardware', () => {
  const { found } = parse({
    '/etc/netplan/a.yaml': `network:
  ethernets:
    eth0: {dhcp4: yes, dhcp6: "true"}
    mac: {match: {macaddress: "02:00:00:00:00:03"}, set-name: wan, accept-ra: no}
    renamed: {match: {name: enp9s0}, set-name: wan, mtu: 1400}
    all: {match: {driver: virtio*}, dhcp4: off}
    none: {match: {name: "wl*"}}
    gone: {dhcp4: true}
  bridges:
    br0: {interfaces: [eth0], addresses: [10.0.0.1/24]}
`,
  })
  const text = found.map(
    (one) => `${one.interface} ${one.dhcp4} ${one.dhcp6} ${one.autoconf6} ${one.mtuBytes}`,
  )
  expect(text).toEqual([
    'eth0 true true null null',
    'wan false false false null',
    'wan false false null 1400',
    'eth0 false false null null',
    'wan false false null null',
    'gone true false null null',
    'br0 false false null null',
  ])
})

test('files merge by name; /run hides /etc; a broken one is named', () => {
  const { found, complaints } = parse({
    '/etc/netplan/10.yaml': 'network: {ethernets: {eth0: {addresses: [10.0.0.1/24], mtu: 1400}}}',
    '/etc/netplan/20.yaml': 'network: {ethernets: {eth0: {addresses: [10.0.0.2/24], mtu: 1300}}}',
    '/etc/netplan/30.yaml': 'network: {ethernets: {eth0: {addresses: [10.0.0.3/24]}}}',
    '/run/netplan/30.yaml': 'network:\n  ethernets:\n    eth0:\n',
    '/etc/netplan/40.yaml': 'network: {ethernets: [}',
    '/etc/netplan/50.yml': 'network: {ethernets: {eth0: {mtu: 1}}}',
  })
  expect(found).toHaveLength(1)
  expect(found[0]).toMatchObject({ mtuBytes: 1300, source: '/run/netplan/30.yaml' })
  expect(found[0]?.addresses.map(({ address }) => address)).toEqual(['10.0.0.1', '10.0.0.2'])
  expect(complaints).toEqual([
    expect.stringMatching(/^\/etc\/netplan\/40\.yaml can't be read, and does not count: \S/),
  ])
})

test('routes and name servers', () => {
  const { found } = parse({
    '/etc/netplan/a.yaml': `network:
  ethernets:
    eth0:
      gateway4: 192.0.2.1
      routes:
        - {to: default, via: "fe80::1", on-link: true}
        - {to: 10.0.0.0/8, via: 192.0.2.2, metric: 70}
        - {to: 10.1.0.0/16, scope: link}
        - {to: 10.2.0.0/16, type: blackhole}
        - {to: default, via: 192.0.2.3, table: 9}
        - {to: nowhere, via: 192.0.2.3}
      nameservers: {addresses: [192.0.2.53, "2001:DB8::53"], search: example.net}
`,
  })
  const [one] = found
  const routes = one?.routes.map(
    ({ destination, gateway, metric }) => `${destination.address} ${gateway} ${metric}`,
  )
  expect(routes).toEqual([
    '0.0.0.0 192.0.2.1 null',
    ':: fe80::1 null',
    '10.0.0.0 192.0.2.2 70',
    '10.1.0.0 null null',
  ])
  expect(one).toMatchObject({
    policyRouting: true,
    nameServers: ['192.0.2.53', '2001:db8::53'],
    searchDomains: ['example.net'],
  })
})

test('maps merge, lists follow one another, texts replace', () => {
  expect(merged({ a: { b: '1', c: ['x'] } }, { a: { c: ['y'], d: '2' } })).toEqual({
    a: { b: '1', c: ['x', 'y'], d: '2' },
  })
  expect(merged('1', '2')).toBe('2')
  expect(merged({ a: '1' }, '')).toEqual({ a: '1' })
  expect(yamlTree('a: 52:54:00:12:34:56\nb: 0x10\nc: no')).toEqual({
    ...{ a: '52:54:00:12:34:56', b: '0x10', c: 'no' },
  })
})

test('no text throws', () => {
  const piece = fc.constantFrom(
    ...[
      'network:',
      'ethernets:',
      'eth0:',
      'match:',
      'name:',
      'addresses:',
      'routes:',
      '- ',
      '{',
      '}',
    ],
    ...[
      '[',
      ']',
      ',',
      '\n',
      '  ',
      '*a',
      '&a ',
      '<<: ',
      '10.0.0.1/24',
      'to: default',
      '__proto__:',
      '!!map',
    ],
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 40 }).map((all) => all.join('')),
  )
  fc.assert(
    fc.property(text, text, (a, b) => {
      const { found } = parse({ '/etc/netplan/a.yaml': a, '/etc/netplan/b.yaml': b })
      expect(found).toBeInstanceOf(Array)
    }),
  )
  for (const text of ['['.repeat(10_000), ' '.repeat(200_000)]) {
    expect(parse({ '/etc/netplan/a.yaml': text }).complaints).toHaveLength(1)
  }
})
