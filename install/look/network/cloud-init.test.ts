import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Link } from '../../../netlink/link.ts'
import { cloudInit } from './cloud-init.ts'
import { memoryFiles } from './memory-files.ts'

const link = (name: string, index: number): Link => ({
  ...{ index, name, up: true, carrier: true, loopback: false, ethernet: true },
  ...{ pointToPoint: false, mac: Buffer.of(2, 0, 0, 0, 0, index), permanentMac: null },
  ...{ mtuBytes: 1500, master: null, kind: null },
})
const links = [link('eth0', 2), link('ens4', 3)]
const CURTIN = '/etc/cloud/cloud.cfg.d/50-curtin-networking.cfg'
const SEED = '/var/lib/cloud/seed/nocloud-net/network-config'

const parse = (contents: Readonly<Record<string, string>>) =>
  cloudInit(memoryFiles(contents), links, () => undefined)

test('version 1: every kind of subnet, what is said of all, names by MAC address', () => {
  const found = parse({
    [CURTIN]: `network:
  version: 1
  config:
    - type: physical
      name: eth0
      mtu: 1400
      subnets:
        - {type: dhcp4}
        - {type: static, address: 10.0.0.7, netmask: 255.255.0.0, dns_nameservers: 10.0.0.53 10.0.0.54}
        - type: static6
          address: "2001:db8::7/64"
          gateway: "2001:DB8::1"
          routes:
            - {network: 10.1.0.0, netmask: 255.255.0.0, gateway: 10.0.0.1}
            - {destination: 10.2.0.0/16, gateway: 10.0.0.2, metric: 5}
    - {type: physical, name: eth1, mac_address: "02:00:00:00:00:03", subnets: [{type: ipv6_slaac}]}
    - {type: bond, name: bond0, subnets: [{type: ipv6_dhcpv6-stateful}]}
    - {type: nameserver, address: [192.0.2.53], search: [example.net]}
    - {type: route, destination: 10.3.0.0/16, gateway: 10.0.0.3}
`,
  })
  const text = found.map((one) =>
    [one.interface, one.dhcp4, one.dhcp6, one.autoconf6, ...one.nameServers].join(' '),
  )
  expect(text).toEqual([
    'eth0 true false  10.0.0.53 10.0.0.54 192.0.2.53',
    'ens4 false false true 192.0.2.53',
    'bond0 false true  192.0.2.53',
  ])
  const [first] = found
  expect(first?.addresses.map(({ prefix }) => prefix)).toEqual([16, 64])
  expect(first?.routes.map(({ gateway }) => gateway)).toEqual([
    ...['2001:db8::1', '10.0.0.1', '10.0.0.2', '10.0.0.3'],
  ])
  expect(first).toMatchObject({ mtuBytes: 1400, searchDomains: ['example.net'] })
})

test("version 2, and the system's own before the instance's", () => {
  const two = 'version: 2\nethernets: {eth0: {dhcp4: true}}\n'
  expect(parse({ [SEED]: two })).toMatchObject([{ interface: 'eth0', source: SEED, dhcp4: true }])
  const indented = `#cloud-config\nnetwork:\n  ${two.replace('\n', '\n  ')}`
  expect(parse({ [SEED]: '', [CURTIN]: indented })).toMatchObject([{ source: CURTIN }])
  expect(parse({ [SEED]: two, [CURTIN]: 'network: {config: disabled}' })).toEqual([])
  expect(
    parse({ [SEED]: two, '/etc/cloud/cloud.cfg.d/05_logging.cfg': '_log:\n - &a |\n' }),
  ).toHaveLength(1)
})

test('no text throws', () => {
  const piece = fc.constantFrom(
    ...[
      'network: {',
      'version: ',
      '1',
      '2',
      ', ',
      'config: [',
      '{',
      '}',
      ']',
      'type: physical',
      '\n',
    ],
    ...['subnets: [', 'type: static', 'address: ', '10.0.0.1/24', 'name: eth0', 'ethernets: {'],
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 40 }).map((all) => all.join('')),
  )
  fc.assert(
    fc.property(text, (content) => {
      expect(parse({ [CURTIN]: content, [SEED]: content })).toBeInstanceOf(Array)
    }),
  )
})
