// The network of an old system, taken along: what a plan says is what the kernel has. Needs root.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  networkPlan,
  type NetworkPlan,
  type PlannedInterface,
  type PlannedRoute,
} from '../../protocol/network-plan.ts'
import { eventually, openLab, type Lab, type Program } from './lab.ts'

const file = (name: string): string => new URL(name, import.meta.url).pathname

let lab: Lab
beforeEach(async () => void (lab = await openLab()))
afterEach(() => lab.close())

function cidr(text: string) {
  const [address = '', prefix] = text.split('/')
  return { address, prefix: Number(prefix) }
}
const route = (destination: string, gateway: string | null, metric?: number): PlannedRoute => ({
  ...{ destination: cidr(destination), gateway, metric: metric ?? null },
})
const macOf = (name: string): string =>
  /link\/ether (\S+)/.exec(lab.node('ip', 'link', 'show', 'dev', name))?.[1] ?? ''

function planned(name: string, what: Partial<PlannedInterface>): PlannedInterface {
  const nothing = { mtuBytes: null, dhcp4: false, autoconf6: false, addresses: [], routes: [] }
  return { name, mac: null, ...nothing, ...what }
}
const planOf = (...interfaces: PlannedInterface[]): NetworkPlan => ({
  ...{ interfaces, nameServers: ['192.0.2.53'], searchDomains: ['example.com'] },
})

/** The plan goes through JSON and its decoder, as on a node. */
const startNode = (plan: NetworkPlan, settings: object = {}): Program =>
  lab.start(
    'node',
    process.execPath,
    file('client.ts'),
    join(lab.directory, 'resolv.conf'),
    JSON.stringify({ plan: networkPlan(JSON.parse(JSON.stringify(plan)), 'plan'), ...settings }),
    join(lab.directory, 'saved'),
  )

const addresses = (name: string): string[] =>
  [...lab.node('ip', '-o', 'addr', 'show', 'dev', name).matchAll(/inet6? (\S+)/g)].map(
    ([, text = '']) => text,
  )
/** IPv6 addresses are, a second after they were set. */
const proven = (name: string): Promise<true> =>
  eventually('no address is tentative any more', () =>
    lab.node('ip', 'addr', 'show', 'dev', name).includes('tentative') ? null : true,
  )
const answers = (address: string): Promise<true> =>
  eventually(`${address} answers`, () =>
    lab.node('sh', '-c', `busybox ping -c1 -W1 ${address} || true`).includes('1 packets received')
      ? true
      : null,
  )
const full = (): NetworkPlan =>
  planOf(
    planned('eth0', {
      mac: macOf('eth0'),
      mtuBytes: 1400,
      addresses: ['192.0.2.5/24', '203.0.113.9/32', '2001:db8::5/64', '2001:db8::6/128'].map(cidr),
      routes: [
        route('0.0.0.0/0', '192.0.2.1'),
        route('10.0.0.0/8', '192.0.2.2', 7),
        route('172.16.0.0/12', null),
        route('::/0', '2001:db8::1'),
        route('2001:db8:9::/48', 'fe80::1', 5),
      ],
    }),
  )

test('fixed addresses of both families, with routes and an MTU', async () => {
  const node = startNode(full())
  await node.line(
    /^network: eth0 192\.0\.2\.5\/24 203\.\S+ 2001:db8::5\/64 2001:db8::6\/128 as set$/,
  )
  expect(addresses('eth0')).toEqual(
    expect.arrayContaining(['192.0.2.5/24', '203.0.113.9/32', '2001:db8::5/64', '2001:db8::6/128']),
  )
  expect(lab.node('ip', 'link', 'show', 'dev', 'eth0')).toContain('mtu 1400')
  const routes = lab.node('ip', 'route')
  expect(routes).toMatch(/^default via 192\.0\.2\.1 dev eth0 proto static src 192\.0\.2\.5 metric/m)
  expect(routes).toMatch(/^10\.0\.0\.0\/8 via 192\.0\.2\.2 dev eth0 proto static .*metric 7/m)
  expect(routes).toMatch(/^172\.16\.0\.0\/12 dev eth0 proto static scope link src 192\.0\.2\.5/m)
  const routes6 = lab.node('ip', '-6', 'route')
  expect(routes6).toMatch(/^default via 2001:db8::1 dev eth0 proto static metric/m)
  expect(routes6).toMatch(/^2001:db8:9::\/48 via fe80::1 dev eth0 proto static metric 5/m)
  expect(readFileSync(join(lab.directory, 'resolv.conf'), 'utf8')).toBe(
    '# Written by solocloud.\nsearch example.com\nnameserver 192.0.2.53\n',
  )
  lab.peer('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'up0')
  lab.peer('ip', 'addr', 'add', '2001:db8::1/64', 'dev', 'up0', 'nodad')
  await answers('192.0.2.1')
  await answers('2001:db8::1')
  expect(node.output()).not.toContain('warn:')
})

test('a new life leaves all of it alone, and sets what has gone', async () => {
  const plan = full()
  const first = startNode(plan)
  await first.line(/as set$/)
  await proven('eth0')
  first.stop()
  const monitor = lab.start('node', 'ip', '-o', 'monitor', 'address', 'route', 'link')
  const second = startNode(plan)
  await second.line(/^dns: .*nameserver 192\.0\.2\.53/)
  lab.node('ip', 'link', 'add', 'dev', 'late0', 'type', 'veth', 'peer', 'name', 'late1')
  await monitor.line(/late0/)
  expect(monitor.output()).not.toMatch(/192\.0\.2|203\.0\.113|2001:db8|eth0/)
  expect(second.output()).not.toContain('as set')
  second.stop()
  lab.node('ip', 'addr', 'del', '2001:db8::5/64', 'dev', 'eth0')
  const third = startNode(plan)
  await third.line(/as set$/)
  expect(addresses('eth0')).toContain('2001:db8::5/64')
  expect(monitor.output()).not.toMatch(/Deleted.*(192\.0\.2|203\.0\.113)/)
})

test('another plan in the next life: what both have is not taken away in between', async () => {
  const first = startNode(full())
  await first.line(/as set$/)
  first.stop()
  const monitor = lab.start('node', 'ip', '-o', 'monitor', 'address', 'route')
  const plan = full()
  const more = { ...plan.interfaces[0], addresses: ['192.0.2.5/24', '192.0.2.7/24'].map(cidr) }
  const second = startNode({ ...plan, interfaces: [more as PlannedInterface] })
  await second.line(/192\.0\.2\.7\/24 as set$/)
  await monitor.line(/192\.0\.2\.7\/24/)
  expect(addresses('eth0')).toEqual(expect.arrayContaining(['192.0.2.5/24', '192.0.2.7/24']))
  expect(monitor.output()).not.toMatch(/Deleted.*192\.0\.2\.5/)
})

test('addresses of one, with gateways outside, as big hosters give them', async () => {
  startNode(
    planOf(
      planned('eth0', {
        mac: macOf('eth0'),
        addresses: ['192.0.2.5/32', '2001:db8::5/128'].map(cidr),
        routes: [route('0.0.0.0/0', '198.51.100.1'), route('::/0', '2001:db8:77::1')],
      }),
    ),
  )
  lab.peer('ip', 'addr', 'add', '198.51.100.1/32', 'dev', 'up0')
  lab.peer('ip', 'route', 'add', '192.0.2.5/32', 'dev', 'up0')
  lab.peer('ip', 'addr', 'add', '2001:db8:77::1/128', 'dev', 'up0', 'nodad')
  lab.peer('ip', '-6', 'route', 'add', '2001:db8::5/128', 'dev', 'up0')
  lab.peer('ip', 'addr', 'add', '203.0.113.1/32', 'dev', 'lo')
  lab.peer('ip', 'link', 'set', 'dev', 'lo', 'up')
  await answers('198.51.100.1')
  await answers('203.0.113.1')
  await answers('2001:db8:77::1')
})

test('IPv6 alone, by a gateway on the link; routers that advertise something else are not heard', async () => {
  const node = startNode(
    planOf(
      planned('eth0', {
        mac: macOf('eth0'),
        addresses: [cidr('2001:db8::5/64')],
        routes: [route('::/0', 'fe80::1')],
      }),
    ),
  )
  await node.line(/^network: eth0 2001:db8::5\/64 as set$/)
  lab.peer('ip', 'addr', 'add', 'fe80::1/64', 'dev', 'up0', 'nodad')
  lab.peer('ip', 'addr', 'add', '2001:db8:5::1/128', 'dev', 'up0', 'nodad')
  lab.peer('ip', '-6', 'route', 'add', '2001:db8::/64', 'dev', 'up0')
  await answers('2001:db8:5::1')
  const router = lab.start('peer', process.execPath, file('router.ts'), 'up0')
  await router.line(/^listening$/)
  await new Promise((resolve) => setTimeout(resolve, 2500))
  expect(addresses('eth0').filter((text) => !text.startsWith('fe80'))).toEqual(['2001:db8::5/64'])
  expect(lab.node('ip', '-6', 'route').match(/^default.*/gm)).toHaveLength(1)
  expect(node.output()).not.toMatch(/2001:db8:9::53|warn:/)
})

test('routers beside a fixed address, where IPv6 was switched off', async () => {
  // These belong to the network namespace of who writes them.
  lab.node('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6')
  const node = startNode(
    planOf(
      planned('eth0', {
        ...{ mac: macOf('eth0'), autoconf6: true, addresses: [cidr('192.0.2.5/24')] },
      }),
    ),
  )
  await eventually('eth0 has its link-local address', () =>
    /inet6 fe80::(?!.*tentative)/.test(lab.node('ip', 'addr', 'show', 'dev', 'eth0')) ? true : null,
  )
  lab.start('peer', process.execPath, file('router.ts'), 'up0')
  await node.line(/^dns: .*nameserver 192\.0\.2\.53.*nameserver 2001:db8:9::53/)
  await eventually('an address of the router', () =>
    addresses('eth0').some((text) => text.startsWith('2001:db8:9:')) ? true : null,
  )
  expect(addresses('eth0')).toContain('192.0.2.5/24')
})

test('two interfaces change their names, and each has its own address; a third is left alone', async () => {
  lab.node('ip', 'link', 'add', 'dev', 'eth1', 'type', 'veth', 'peer', 'name', 'third')
  const [macA, macB] = [macOf('eth0'), macOf('eth1')]
  const plan = planOf(
    planned('eth1', { mac: macA, addresses: [cidr('192.0.2.5/24')] }),
    planned('eth0', { mac: macB, addresses: [cidr('198.51.100.5/24')] }),
  )
  const node = startNode(plan)
  await node.line(/^network: eth1 192\.0\.2\.5\/24 as set$/)
  await node.line(/^network: eth0 198\.51\.100\.5\/24 as set$/)
  expect([macOf('eth1'), macOf('eth0')]).toEqual([macA, macB])
  expect(addresses('eth1')).toContain('192.0.2.5/24')
  expect(addresses('eth0')).toContain('198.51.100.5/24')
  expect(lab.node('ip', 'link', 'show', 'dev', 'third')).not.toContain(',UP')
  lab.peer('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'up0')
  await answers('192.0.2.1')
  await proven('eth1')
  node.stop()
  const monitor = lab.start('node', 'ip', '-o', 'monitor', 'address', 'route', 'link')
  const second = startNode(plan)
  await second.line(/^dns: /)
  lab.node('ip', 'link', 'add', 'dev', 'late0', 'type', 'veth', 'peer', 'name', 'late1')
  await monitor.line(/late0/)
  expect(monitor.output()).not.toMatch(/eth[01]/)
})

/** As OpenVZ has it: nobody to resolve, no MAC address. A tun is the one that this kernel can make. */
test('venet0: addresses of one, and everything by the interface itself', async () => {
  lab.node('ip', 'tuntap', 'add', 'dev', 'venet0', 'mode', 'tun')
  const node = startNode(
    planOf(
      planned('venet0', {
        addresses: ['127.0.0.2/32', '192.0.2.5/32', '192.0.2.6/32', '2001:db8::5/128'].map(cidr),
        routes: [route('0.0.0.0/0', null), route('::/0', null)],
      }),
    ),
  )
  await node.line(/^network: venet0 127\.0\.0\.2\/32 192\.0\.2\.5\/32 .* as set$/)
  expect(lab.node('ip', 'route')).toMatch(
    /^default dev venet0 proto static scope link src 192\.0\.2\.5 /m,
  )
  expect(lab.node('ip', '-6', 'route')).toMatch(/^default dev venet0 proto static metric /m)
  expect(lab.node('ip', 'link', 'show', 'dev', 'eth0')).not.toContain(',UP')
  expect(node.output()).not.toContain('warn:')
})

test('an address among the words comes before the plan', async () => {
  const address = { interface: null, cidr: cidr('192.0.2.77/24') }
  const node = startNode(full(), { address, gateway: '192.0.2.9', nameServers: ['192.0.2.99'] })
  await node.line(/^network: eth0 192\.0\.2\.77\/24 2001:db8::5\/64 2001:db8::6\/128 as set$/)
  expect(lab.node('ip', 'route')).toMatch(/^default via 192\.0\.2\.9 dev eth0/m)
  expect(addresses('eth0')).not.toContain('192.0.2.5/24')
  expect(readFileSync(join(lab.directory, 'resolv.conf'), 'utf8')).toBe(
    '# Written by solocloud.\nsearch example.com\nnameserver 192.0.2.99\n',
  )
})
