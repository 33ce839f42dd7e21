// The installer's look at a network, by a real kernel's netlink, in a network namespace. Needs root.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { networkPlan } from '../../protocol/network-plan.ts'

const PROBE = join(import.meta.dirname, 'kernel-network-probe.ts')

function lookAfter(commands: string): unknown {
  const script = `set -eu\nip link set lo up\n${commands}\nexec "$0" "$1"`
  const words = ['--net', 'sh', '-c', script, process.execPath, PROBE]
  return JSON.parse(execFileSync('unshare', words, { encoding: 'utf8', timeout: 30_000 }))
}

const NIC = `
ip link add dev eth0 index 2 address 02:00:00:00:00:0a type veth peer name cable index 9
ip link set dev cable up
ip link set dev eth0 up mtu 1400
`

test('static addresses, a gateway on the link, autoconfiguration', () => {
  const found = lookAfter(`${NIC}
ip address add 192.0.2.5/32 dev eth0
ip address add 198.51.100.7/24 dev eth0
ip address add 2001:db8::7/64 dev eth0 nodad
ip address add 2001:db8:1::9/64 dev eth0 nodad valid_lft 600 preferred_lft 300
ip route add 203.0.113.1 dev eth0
ip route add default via 203.0.113.1 dev eth0
ip route add 10.0.0.0/8 via 198.51.100.1 dev eth0 metric 50
ip route add 10.9.0.0/16 proto static nexthop via 198.51.100.2 nexthop via 198.51.100.3
ip -6 route add default via fe80::1 dev eth0 proto ra metric 1024
ip -6 route add 2001:db8:9::/48 via fe80::9 dev eth0
ip -6 route add unreachable 2001:db8:dead::/48
ip route add 10.8.0.0/16 dev eth0 table 100
`) as { plan: unknown; warnings: string[]; problems: string[] }
  const to = (address: string, prefix: number) => ({ address, prefix })
  expect(networkPlan(found.plan, 'plan')).toEqual({
    interfaces: [
      {
        ...{ name: 'eth0', mac: '02:00:00:00:00:0a', mtuBytes: 1400 },
        ...{ dhcp4: false, autoconf6: true },
        addresses: [to('192.0.2.5', 32), to('198.51.100.7', 24), to('2001:db8::7', 64)],
        routes: [
          { destination: to('203.0.113.1', 32), gateway: null, metric: null },
          { destination: to('0.0.0.0', 0), gateway: '203.0.113.1', metric: null },
          { destination: to('10.0.0.0', 8), gateway: '198.51.100.1', metric: 50 },
          { destination: to('10.9.0.0', 16), gateway: '198.51.100.2', metric: null },
          { destination: to('2001:db8:9::', 48), gateway: 'fe80::9', metric: null },
        ],
      },
    ],
    ...{ nameServers: [], searchDomains: [] },
  })
  expect(found.problems).toEqual([])
  expect(found.warnings).toContain(
    'of the gateways for 10.9.0.0/16 only the first is kept: not 10.9.0.0/16 via 198.51.100.3',
  )
  expect(found.warnings).toContainEqual(expect.stringContaining('the routes of table 100'))
})

test('a lifetime means DHCP', () => {
  const found = lookAfter(`${NIC}
ip address add 192.0.2.5/24 dev eth0 valid_lft 600 preferred_lft 600
ip route add default via 192.0.2.1 dev eth0 proto dhcp
`)
  expect(found).toMatchObject({
    plan: { interfaces: [{ name: 'eth0', dhcp4: true, addresses: [], routes: [] }] },
    problems: [],
  })
})

test('a bridge with the way out is refused', () => {
  const found = lookAfter(`${NIC}
ip link add dev br0 type bridge
ip link set dev eth0 master br0
ip link set dev br0 up
ip address add 192.0.2.5/24 dev br0
ip route add default via 192.0.2.1
`)
  expect(found).toMatchObject({
    plan: { interfaces: [] },
    problems: [
      expect.stringMatching(/^the default route goes out by br0 \(a bridge\) with the ports eth0,/),
    ],
  })
})
