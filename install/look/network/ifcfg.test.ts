import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Link } from '../../../netlink/link.ts'
import { ifcfg } from './ifcfg.ts'
import { memoryFiles } from './memory-files.ts'
import { shellAssignments } from './shell-assignments.ts'

const link = (name: string, index: number): Link => ({
  ...{ index, name, up: true, carrier: true, loopback: false, ethernet: true },
  ...{ pointToPoint: false, mac: Buffer.of(2, 0, 0, 0, 0, index), permanentMac: null },
  ...{ mtuBytes: 1500, master: null, kind: null },
})
const links = [link('eth0', 2), link('eth1', 3)]
const SCRIPTS = '/etc/sysconfig/network-scripts'

function parse(contents: Readonly<Record<string, string>>) {
  const inScripts = Object.entries(contents).map(([name, text]): [string, string] => [
    name.startsWith('/') ? name : `${SCRIPTS}/${name}`,
    text,
  ])
  return ifcfg(memoryFiles(Object.fromEntries(inScripts)), links)
}

test('what a shell would read', () => {
  const text = `# A=0\nA=1 # not B=2\nexport C="x y\\"z"\nD='$E'; F=g\n  G=\nA=2\n`
  expect([...shellAssignments(text)]).toEqual([
    ...[['A', '2'] as const, ['C', 'x y"z'] as const, ['D', '$E'] as const],
    ...[['F', 'g'] as const, ['G', ''] as const],
  ])
})

test('which interface: DEVICE, HWADDR, the name of the file, or all', () => {
  const found = parse({
    'ifcfg-a': 'DEVICE=eth9\nBOOTPROTO=DHCP',
    'ifcfg-b': 'HWADDR=02:00:00:00:00:03\nMTU=1400',
    'ifcfg-eth0': 'IPADDR=10.0.0.7',
    'ifcfg-eth0:1': 'IPADDR=10.0.0.8\nNETMASK=255.255.255.0',
    'ifcfg-eth0-range0': 'IPADDR_START=10.0.1.254\nIPADDR_END=10.0.2.1\nPREFIX=20',
    'ifcfg-eth0.bak': 'BOOTPROTO=dhcp',
    'ifcfg-lo': 'DEVICE=lo',
  })
  const text = found.map(
    (one) =>
      `${one.interface} ${one.dhcp4} ${one.mtuBytes} ` +
      one.addresses.map(({ address, prefix }) => `${address}/${prefix}`).join(' '),
  )
  expect(text).toEqual([
    'eth9 true null ',
    'eth1 false 1400 ',
    'eth0 false null 10.0.0.7/8 10.0.1.254/20 10.0.1.255/20 10.0.2.0/20 10.0.2.1/20 10.0.0.8/24',
  ])
  const all = parse({ 'ifcfg-Wired_connection_1': 'NAME="Wired connection 1"\nBOOTPROTO=dhcp' })
  expect(all.map((one) => one.interface)).toEqual(['eth0', 'eth1'])
})

test('routes of both forms, rules, and the gateways for all', () => {
  const found = parse({
    'ifcfg-eth0': 'IPADDR=192.0.2.7\nPREFIX=24\nGATEWAY=192.0.2.1\nIPV6_DEFAULTGW=fe80::1%eth0',
    'ifcfg-eth1': 'IPADDR=10.0.0.7\nPREFIX=24',
    'route-eth0': '10.1.0.0/16 via 192.0.2.2 # there\n\n10.2.0.0/16 via 192.0.2.2 table 7\n',
    'route-eth1': 'ADDRESS0=10.3.0.0\nNETMASK0=255.255.0.0\nGATEWAY0=10.0.0.1\nMETRIC0=9',
    'rule-eth1': '# nothing',
    'route6-eth1': '2001:db8::/32 via fe80::2',
    '/etc/sysconfig/network': 'GATEWAY=10.0.0.2\nGATEWAYDEV=eth1',
  })
  const text = found.map((one) => [
    one.policyRouting,
    ...one.routes.map(
      ({ destination, gateway, metric }) => `${destination.address} ${gateway} ${metric}`,
    ),
  ])
  expect(text).toEqual([
    [true, '0.0.0.0 192.0.2.1 null', ':: fe80::1 null', '10.1.0.0 192.0.2.2 null'],
    [false, '10.3.0.0 10.0.0.1 9', '2001:db8:: fe80::2 null', '0.0.0.0 10.0.0.2 null'],
  ])
})

test('no text throws', () => {
  const piece = fc.constantFrom(
    ...['DEVICE=eth0', 'IPADDR', 'IPADDR1', '=', '"', "'", '\n', ';', '10.0.0.1', 'PREFIX=99', '#'],
    ...['IPADDR_START=0.0.0.0', 'IPADDR_END=255.255.255.255', 'ADDRESS0=', 'via', 'default'],
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 60 }).map((all) => all.join('')),
  )
  fc.assert(
    fc.property(text, text, (a, b) => {
      const contents = { 'ifcfg-eth0': a, 'route-eth0': b, '/etc/sysconfig/network': a }
      expect(parse(contents)).toBeInstanceOf(Array)
    }),
  )
})
