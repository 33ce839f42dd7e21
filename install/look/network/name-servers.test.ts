import { expect, test } from 'vitest'
import type { PlannedInterface } from '../../../protocol/network-plan.ts'
import { configured } from './configured.ts'
import type { FoundLease } from './leases.ts'
import { memoryFiles } from './memory-files.ts'
import { findNameServers, parseResolvConf, type Around } from './name-servers.ts'

const planned = (name: string, more: Partial<PlannedInterface> = {}): PlannedInterface => ({
  ...{ name, mac: null, mtuBytes: null, dhcp4: false, autoconf6: false },
  ...{ addresses: [], routes: [], ...more },
})
const leased = (name: string, ...nameServers: string[]): FoundLease => ({
  ...{ interface: name, addresses: [], routers: [], routes: [], domains: ['leased.example'] },
  ...{ mtuBytes: null, complete: true, nameServers },
})
const wayOut = {
  destination: { address: '0.0.0.0', prefix: 0 },
  ...{ gateway: '10.0.0.1', metric: null },
}
const RESOLV_CONF =
  '# comment\nsearch leased.example own.example.\nnameserver 192.0.2.1 # first\nnameserver 192.0.2.2\n'

function find(
  around: Partial<Around>,
  contents: Readonly<Record<string, string>> = { '/etc/resolv.conf': RESOLV_CONF },
) {
  const found = findNameServers(memoryFiles(contents), {
    ...{ interfaces: [], chosen: [], leases: [], ...around },
  })
  return [found.nameServers.join(), found.searchDomains.join(), found.warnings.length]
}

test('resolv.conf: the last search or domain counts', () => {
  expect(
    parseResolvConf('domain a.example\nsearch b.example c.example\nnameserver ::1%lo'),
  ).toEqual({
    nameServers: ['::1'],
    searchDomains: ['b.example', 'c.example'],
  })
})

test('on a system without DHCP all are kept', () => {
  const interfaces = [planned('eth0')]
  expect(find({ interfaces })).toEqual(['192.0.2.1,192.0.2.2', 'leased.example,own.example', 0])
})

test('what the lease has comes again; what a file names is kept all the same', () => {
  const interfaces = [planned('eth0', { dhcp4: true })]
  const leases = [leased('eth0', '192.0.2.1')]
  expect(find({ interfaces, leases })).toEqual(['192.0.2.2', 'own.example', 0])
  const chosen = [{ ...configured('eth0', 'a file'), nameServers: ['192.0.2.1'] }]
  expect(find({ interfaces, leases, chosen })).toEqual(['192.0.2.1,192.0.2.2', 'own.example', 0])
})

test('without a lease to read nothing is kept, unless the way out is a static one', () => {
  const dhcp = planned('eth0', { dhcp4: true })
  expect(find({ interfaces: [dhcp] })).toEqual(['', '', 0])
  const interfaces = [dhcp, planned('eth1', { routes: [wayOut] })]
  expect(find({ interfaces })[0]).toBe('192.0.2.1,192.0.2.2')
})

test('IPv6 servers: kept where nothing else is sure to bring one', () => {
  const contents = { '/etc/resolv.conf': 'nameserver 2001:db8::53\nnameserver fe80::1%eth0\n' }
  const six = planned('eth0', { autoconf6: true })
  expect(find({ interfaces: [six] }, contents)[0]).toBe('2001:db8::53')
  const leases = [leased('eth0', '192.0.2.1')]
  expect(find({ interfaces: [{ ...six, dhcp4: true }], leases }, contents)[0]).toBe('')
})

test('behind a stub', () => {
  const interfaces = [planned('eth0')]
  const contents = {
    '/etc/resolv.conf': 'nameserver 127.0.0.53\nsearch .\n',
    '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.7\nsearch x.example\n',
  }
  expect(find({ interfaces }, contents)).toEqual(['192.0.2.7', 'x.example', 0])
  expect(
    find(
      { interfaces },
      {
        '/etc/resolv.conf': 'nameserver 127.0.0.53\n',
        '/etc/systemd/resolved.conf':
          '[Resolve]\nDNS=192.0.2.8#a 2001:db8::8\nDomains=~. y.example\n',
      },
    ),
  ).toEqual(['192.0.2.8,2001:db8::8', '', 1])
})

test('behind a cache on the loopback: what the files say, with a warning', () => {
  const chosen = [{ ...configured('eth0', 'a file'), nameServers: ['192.0.2.9'] }]
  const contents = { '/etc/resolv.conf': 'nameserver 127.0.0.1\nnameserver 192.0.2.1\n' }
  const interfaces = [planned('eth0')]
  expect(find({ interfaces, chosen }, contents)).toEqual(['192.0.2.1,192.0.2.9', '', 1])
  expect(find({ interfaces }, { '/etc/resolv.conf': 'nameserver ::1\n' })).toEqual(['', '', 2])
})
