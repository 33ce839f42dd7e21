import fc from 'fast-check'
import { expect, test } from 'vitest'
import { effectOf, type CommandEffect } from './route-words.ts'

function show(effect: CommandEffect): string {
  if (effect.kind === 'route') {
    const { destination, gateway, metric, device, table } = effect.route
    const parts = [
      `${destination.address}/${destination.prefix}`,
      gateway === null ? '' : `via ${gateway}`,
      device === null ? '' : `dev ${device}`,
      metric === null ? '' : `metric ${metric}`,
      table === null ? '' : `table ${table}`,
    ]
    return parts.filter(Boolean).join(' ')
  }
  if (effect.kind === 'address') {
    return `${effect.address.address}/${effect.address.prefix} on ${effect.device ?? 'it'}`
  }
  return effect.kind === 'mtu' ? `mtu ${effect.bytes}` : effect.kind
}

test.each([
  ['ip route add default via 192.0.2.1 dev eth0 onlink', '0.0.0.0/0 via 192.0.2.1 dev eth0'],
  ['/sbin/ip -6 r a default via fe80::1 dev eth0', '::/0 via fe80::1 dev eth0'],
  ['ip route add default via fe80::1', '::/0 via fe80::1'],
  ['ip -6 ro replace default dev venet0', '::/0 dev venet0'],
  ['ip route append unicast 10.0.0.0/8 via 10.1.1.1 metric 5', '10.0.0.0/8 via 10.1.1.1 metric 5'],
  ['ip route add 10.1.2.3 via inet6 fe80::1 dev eth0', '10.1.2.3/32 via fe80::1 dev eth0'],
  ['ip route add 10.0.0.0/8 dev eth0 table 100', '10.0.0.0/8 dev eth0 table 100'],
  ['ip route add 10.0.0.0/8 dev eth0 table main', '10.0.0.0/8 dev eth0'],
  ['ip route add blackhole 10.0.0.0/8', 'unknown'],
  ['ip route add 10.0.0.0/8 via gateway.example', 'unknown'],
  ['ip route del default', 'nothing'],
  ['ip rule add from 10.0.0.7 table 100', 'rule'],
  ['ip addr add 192.0.2.9/24 brd + dev eth0 label eth0:9', '192.0.2.9/24 on eth0'],
  ['ip a add 2001:db8::9/64 dev eth0', '2001:db8::9/64 on eth0'],
  ['ip link set dev eth0 mtu 1400', 'mtu 1400'],
  ['ip link set eth0 up', 'nothing'],
  ['ip tunnel add t0 mode sit', 'unknown'],
  ['route add default gw 192.0.2.1 eth0', '0.0.0.0/0 via 192.0.2.1 dev eth0'],
  ['route add default dev venet0', '0.0.0.0/0 dev venet0'],
  ['route add -net 10.0.0.0 netmask 255.0.0.0 gw 192.0.2.1', '10.0.0.0/8 via 192.0.2.1'],
  ['route add -net 172.16.0.0/12 gw 192.0.2.1 metric 3', '172.16.0.0/12 via 192.0.2.1 metric 3'],
  ['route add -net 192.168.9.0 gw 192.0.2.1', '192.168.9.0/24 via 192.0.2.1'],
  ['route add -host 10.1.1.1 dev eth0', '10.1.1.1/32 dev eth0'],
  ['route -A inet6 add default dev venet0', '::/0 dev venet0'],
  ['route -A inet6 add 2000::/3 gw fe80::1 dev eth0', '2000::/3 via fe80::1 dev eth0'],
  ['route del default', 'nothing'],
  ['ifconfig venet0 add 2001:db8::7/128', '2001:db8::7/128 on venet0'],
  ['ifconfig venet0 127.0.0.2 netmask 255.255.255.255 up', '127.0.0.2/32 on venet0'],
  ['ifconfig eth0 10.0.0.7', '10.0.0.7/8 on eth0'],
  ['ifconfig eth0 mtu 1400', 'mtu 1400'],
  ['true', 'nothing'],
  ['', 'nothing'],
  ['iptables-restore < /etc/iptables.rules', 'unknown'],
  ['"/sbin/ip" route add 10.0.0.0/8 dev eth0 2>/dev/null', '10.0.0.0/8 dev eth0'],
])('%s', (command, expected) => {
  expect(show(effectOf(command))).toBe(expected)
})

test('no command throws', () => {
  const word = fc.constantFrom(
    ...'ip route add via default dev eth0 -6 -A inet6 ifconfig 10.0.0.0/8 -net netmask x mtu'.split(
      ' ',
    ),
  )
  const command = fc.oneof(
    fc.string(),
    fc.array(word).map((words) => words.join(' ')),
  )
  fc.assert(
    fc.property(command, (text) => {
      expect(show(effectOf(text))).toBeTypeOf('string')
    }),
  )
})
