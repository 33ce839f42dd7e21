import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseBlocks } from './dhclient-lease.ts'
import { leasesOf } from './leases.ts'
import { memoryFiles } from './memory-files.ts'

test("dhclient: each interface's last lease, IPv4 and IPv6", () => {
  const found = leasesOf(
    memoryFiles({
      '/var/lib/dhclient/dhclient--eth0.lease': `
default-duid "\\000\\001{};";
lease { interface "eth0"; fixed-address 192.0.2.9; }
lease {
  interface "eth0";
  fixed-address 192.0.2.10;
  option classless-static-routes 32.169.254.169.254 192.0.2.2,0 192.0.2.1,24.10.1.1 0.0.0.0;
  option domain-name-servers 192.0.2.53, 192.0.2.54;
  option domain-search "example.net.", "b.example.";
  option interface-mtu 1460;
}
lease6 {
  interface "eth0";
  ia-na aa:bb:cc:dd { starts 1; iaaddr 2001:DB8::9 { starts 1; max-life 7; } }
  option dhcp6.name-servers 2001:db8::53;
}
lease { interface "eth0"; fixed-addr`,
    }),
    [],
  )
  expect(found).toEqual([
    {
      interface: 'eth0',
      addresses: ['192.0.2.10'],
      routers: ['192.0.2.1'],
      routes: ['169.254.169.254/32 via 192.0.2.2', '10.1.1.0/24'],
      nameServers: ['192.0.2.53', '192.0.2.54'],
      domains: ['example.net', 'b.example'],
      mtuBytes: 1460,
      complete: true,
    },
    {
      interface: 'eth0',
      addresses: ['2001:db8::9'],
      ...{ routers: [], routes: [], domains: [], mtuBytes: null, complete: true },
      nameServers: ['2001:db8::53'],
    },
  ])
})

test("NetworkManager's own client, older and newer", () => {
  const directory = '/var/lib/NetworkManager'
  const uuid = '5fb06bd0-0bb0-7ffb-45f1-d6edd65f3e03'
  const found = leasesOf(
    memoryFiles({
      [`${directory}/internal-${uuid}-eth0.lease`]:
        '# This is private data. Do not parse.\nADDRESS=192.0.2.10\nROUTER=192.0.2.1\nDNS=192.0.2.53\n' +
        'ROUTES=0.0.0.0/0,192.0.2.1 10.0.0.0/8,192.0.2.3\n',
      [`${directory}/internal-${uuid}-eth1.lease`]: 'ADDRESS=10.0.0.10\n',
    }),
    [],
  )
  expect(found.map(({ interface: name, complete, routes }) => [name, complete, routes])).toEqual([
    ['eth0', true, ['10.0.0.0/8 via 192.0.2.3']],
    ['eth1', false, []],
  ])
})

test('no text throws', () => {
  const piece = fc.constantFrom(
    ...['lease', '{', '}', ';', '"', 'interface "eth0"', 'option', 'routers', '\\', '\n', '#'],
    ...['rfc3442-classless-static-routes', '33,1', '0', 'fixed-address 1.2.3.4', 'ia-na'],
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 60 }).map((all) => all.join(' ')),
  )
  fc.assert(
    fc.property(text, (content) => {
      expect(parseBlocks(content)).toBeInstanceOf(Array)
      const files = memoryFiles({ '/var/lib/dhcp/dhclient.leases': content })
      expect(leasesOf(files, [])).toBeInstanceOf(Array)
    }),
  )
})
