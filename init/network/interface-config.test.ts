import { expect, test } from 'vitest'
import type { Link } from '../../netlink/link.ts'
import type { NetworkPlan, PlannedInterface } from '../../protocol/network-plan.ts'
import { fakeLink } from './fake-kernel.ts'
import {
  BY_DHCP,
  chooseConfigs,
  configByWords,
  configDigest,
  plannedLinks,
  type Choice,
} from './interface-config.ts'

const MAC_A = '02:00:00:00:00:0a'
const MAC_B = '02:00:00:00:00:0b'
const planned = (name: string, mac: string | null, address: string): PlannedInterface => ({
  ...{ name, mac, mtuBytes: null, dhcp4: false, autoconf6: false, routes: [] },
  addresses: [{ address, prefix: 24 }],
})
const planOf = (...interfaces: PlannedInterface[]): NetworkPlan => ({
  ...{ interfaces, nameServers: [], searchDomains: [] },
})
const lo = fakeLink(1, 'lo', '00:00:00:00:00:00')
const a = fakeLink(2, 'eth0', MAC_A)
const b = fakeLink(3, 'eth1', MAC_B)
const venet = fakeLink(4, 'venet0', '')
const noWords: Choice['words'] = { address: null, gateway: null }

function choose(links: Link[], choice: Partial<Choice>) {
  const { configs } = chooseConfigs(links, {
    ...{ plan: null, fallback: false, words: noWords, continues: () => false },
    ...choice,
  })
  return [...configs].map(([index, { dhcp4, addresses }]) =>
    [index, dhcp4 ? 'dhcp' : '', ...addresses.map(({ address }) => address)].join(' '),
  )
}

test('without a plan: DHCP on all hardware, the first one first', () => {
  const bridge = { ...fakeLink(5, 'br0', MAC_A), kind: 'bridge' }
  const port = { ...fakeLink(6, 'eth2', MAC_B), master: 5 }
  const veth = { ...fakeLink(7, 'eth3', MAC_B), kind: 'veth' }
  expect(choose([b, lo, a, venet, bridge, port, veth], {})).toEqual(['2 dhcp', '3 dhcp', '7 dhcp'])
})

test('an interface is found by its MAC address, whatever it is called, or by the hardware’s', () => {
  const plan = planOf(planned('eth1', MAC_A, '192.0.2.5'), planned('eth0', MAC_B, '192.0.2.6'))
  expect(choose([a, b], { plan })).toEqual(['2  192.0.2.5', '3  192.0.2.6'])
  const changed = { ...b, mac: a.mac, permanentMac: b.mac }
  expect(choose([a, changed], { plan })).toEqual(['2  192.0.2.5', '3  192.0.2.6'])
})

test('two of one MAC address are two interfaces', () => {
  const plan = planOf(planned('x', MAC_A, '192.0.2.5'), planned('y', MAC_A, '192.0.2.6'))
  expect(
    [...plannedLinks(plan, [a, { ...b, mac: a.mac }])].map(([i, { name }]) => `${i}${name}`),
  ).toEqual(['2x', '3y'])
  expect(plannedLinks(plan, [a]).size).toBe(1)
})

test('one without a MAC address is found by its name, also where it is not ethernet', () => {
  const plan = planOf(planned('venet0', null, '192.0.2.5'), planned('lo', null, '192.0.2.6'))
  expect(choose([lo, a, venet], { plan })).toEqual(['4  192.0.2.5'])
})

test('what the plan does not name stays as it is, while something of the plan is there', () => {
  const plan = planOf(planned('eth0', MAC_A, '192.0.2.5'))
  expect(choose([a, b], { plan })).toEqual(['2  192.0.2.5'])
  expect(choose([b], { plan })).toEqual([])
  expect(choose([b], { plan, fallback: true })).toEqual(['3 dhcp'])
  expect(choose([a, b], { plan, continues: (link) => link === b })).toEqual([
    ...['2  192.0.2.5', '3 dhcp'],
  ])
  expect(choose([a, b], { plan: planOf() })).toEqual(['2 dhcp', '3 dhcp'])
})

const cidr = { address: '198.51.100.7', prefix: 24 }

test('an address by words comes before the plan, on the interface that they name, or on the first', () => {
  const plan = planOf(planned('eth1', MAC_B, '192.0.2.5'))
  const words = (name: string | null): Choice['words'] => ({
    ...{ address: { interface: name, cidr }, gateway: null },
  })
  expect(choose([a, b], { plan, words: words('eth1') })).toEqual(['3  198.51.100.7'])
  expect(choose([a, b], { plan, words: words(null) })).toEqual(['3  198.51.100.7'])
  expect(choose([a, b], { plan, words: words('eth0') })).toEqual([
    '3  192.0.2.5',
    '2  198.51.100.7',
  ])
  expect(choose([a, b], { words: words('eth9') })).toEqual(['2 dhcp', '3 dhcp'])
  // While the fallback is waited for, who gave an address has it at once.
  expect(choose([a], { plan, words: words(null) })).toEqual(['2  198.51.100.7'])
})

test('words are the whole of IPv4, and nothing of IPv6', () => {
  const gateway6 = { destination: { address: '::', prefix: 0 }, gateway: 'fe80::1', metric: null }
  const before = {
    ...planned('eth0', MAC_A, '192.0.2.5'),
    ...{ dhcp4: true, mtuBytes: 1400 },
    addresses: [
      { address: '192.0.2.5', prefix: 24 },
      { address: '2001:db8::5', prefix: 64 },
    ],
    routes: [
      { destination: { address: '0.0.0.0', prefix: 0 }, gateway: '192.0.2.1', metric: null },
      gateway6,
    ],
  }
  expect(configByWords(cidr, '198.51.100.1', before)).toMatchObject({
    ...{ dhcp4: false, autoconf6: false, mtuBytes: 1400 },
    addresses: [cidr, { address: '2001:db8::5', prefix: 64 }],
    routes: [
      { destination: { address: '0.0.0.0', prefix: 0 }, gateway: '198.51.100.1', metric: null },
      gateway6,
    ],
  })
  expect(configByWords(cidr, null, before).routes).toEqual([gateway6])
})

test('a digest is that of what is configured, and of nothing else', () => {
  const one = planned('eth0', MAC_A, '192.0.2.5')
  expect(configDigest(one)).toMatch(/^[0-9a-f]{16}$/)
  expect(configDigest({ ...one, name: 'eth1', mac: null } as PlannedInterface)).toBe(
    configDigest(one),
  )
  const others = [
    ...[BY_DHCP, { ...one, mtuBytes: 1400 }, { ...one, dhcp4: true }, { ...one, autoconf6: null }],
    planned('eth0', MAC_A, '192.0.2.6'),
    { ...one, routes: [{ destination: cidr, gateway: null, metric: null }] },
    { ...one, routes: [{ destination: cidr, gateway: null, metric: 1 }] },
  ]
  expect(new Set([one, ...others].map(configDigest)).size).toBe(others.length + 1)
})
