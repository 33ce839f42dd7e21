// DHCP with a real server (busybox udhcpd) in namespaces. Needs root; skipped where veth is missing.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually, openLab, type Lab, type Program } from './lab.ts'

const CLIENT = new URL('client.ts', import.meta.url).pathname

let lab: Lab
beforeEach(async () => void (lab = await openLab()))
afterEach(() => lab.close())

function startServer(leaseSeconds: number, range = '10.9.0.50'): Program {
  const config = join(lab.directory, 'udhcpd.conf')
  writeFileSync(join(lab.directory, 'leases'), '')
  const lines = [
    `start ${range}`,
    `end ${range}`,
    'interface up0',
    'min_lease 5',
    `lease_file ${join(lab.directory, 'leases')}`,
    `pidfile ${join(lab.directory, 'pid')}`,
    'option subnet 255.255.255.0',
    'option router 10.9.0.1',
    'option dns 10.9.0.1 10.9.0.2',
    'option domain example.test',
    'option hostname node7',
    'option mtu 1400',
    `option lease ${leaseSeconds}`,
    'option staticroutes 10.7.0.0/16 10.9.0.3, 0.0.0.0/0 10.9.0.1',
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  lab.peer('ip', 'addr', 'replace', '10.9.0.1/24', 'dev', 'up0')
  return lab.start('peer', 'busybox', 'udhcpd', '-f', config)
}

const startNode = (settings = {}): Program =>
  lab.start(
    'node',
    process.execPath,
    CLIENT,
    join(lab.directory, 'resolv.conf'),
    JSON.stringify(settings),
    join(lab.directory, 'saved'),
  )

test('an address, routes, name servers, MTU and host name come from a lease', async () => {
  startServer(3600)
  const node = startNode()
  await node.line(/^network: eth0 10\.9\.0\.50\/24 by DHCP$/)
  await node.line(/^hostname: node7$/)
  expect(lab.node('ip', '-o', 'addr', 'show', 'dev', 'eth0')).toMatch(
    /inet 10\.9\.0\.50\/24 brd 10\.9\.0\.255 .*valid_lft 3[56]\d\dsec/,
  )
  const routes = lab.node('ip', 'route')
  expect(routes).toMatch(/^default via 10\.9\.0\.1 dev eth0 proto dhcp src 10\.9\.0\.50/m)
  expect(routes).toMatch(/^10\.7\.0\.0\/16 via 10\.9\.0\.3 dev eth0 proto dhcp/m)
  expect(lab.node('ip', 'link', 'show', 'dev', 'eth0')).toContain('mtu 1400')
  expect(lab.node('ip', 'link', 'show', 'dev', 'lo')).toContain('LOWER_UP')
  expect(readFileSync(join(lab.directory, 'resolv.conf'), 'utf8')).toBe(
    '# Written by solocloud.\nsearch example.test\nnameserver 10.9.0.1\nnameserver 10.9.0.2\n',
  )
})

test('a lease is renewed with its server, and the address outlives its first term', async () => {
  const server = startServer(10)
  const node = startNode()
  await node.line(/by DHCP$/)
  const valid = (): number =>
    Number(/valid_lft (\d+)sec/.exec(lab.node('ip', 'addr', 'show', 'dev', 'eth0'))?.[1] ?? 0)
  // Half of the term is over when it is renewed: from 5 s left it jumps back to 10.
  await eventually('less than 7 s left', () => (valid() < 7 ? true : null))
  await eventually('a renewed lease', () => (valid() > 8 ? true : null))
  expect(node.output().match(/by DHCP/g)).toHaveLength(1)
  expect(server.output().match(/[Ss]ending ACK/g)?.length).toBeGreaterThanOrEqual(2)
})

test('when the server dies the address goes, and comes back with it', async () => {
  const server = startServer(10)
  const node = startNode()
  await node.line(/by DHCP$/)
  server.stop()
  await node.line(/^network: eth0 has lost 10\.9\.0\.50$/)
  expect(lab.node('ip', 'addr', 'show', 'dev', 'eth0')).not.toContain('10.9.0.50')
  startServer(3600)
  await eventually('the address again', () => (/lost[^]*by DHCP/.test(node.output()) ? true : null))
})

test('interfaces that come later are found, cables that are plugged in late are noticed', async () => {
  startServer(3600)
  lab.peer('ip', 'link', 'set', 'dev', 'up0', 'down')
  const node = startNode()
  await eventually('eth0 is up without a carrier', () =>
    lab.node('ip', 'link', 'show', 'dev', 'eth0').includes('NO-CARRIER') ? true : null,
  )
  lab.peer('ip', 'link', 'set', 'dev', 'up0', 'up')
  await node.line(/^network: eth0 10\.9\.0\.50\/24 by DHCP$/)
  lab.node('ip', 'link', 'add', 'dev', 'late0', 'type', 'veth', 'peer', 'name', 'late1')
  await eventually('the late interface is up', () =>
    lab.node('ip', 'link', 'show', 'dev', 'late0').includes('LOWER_UP') ? true : null,
  )
})

/** The life record is lost: the next one starts from what the kernel has. */
const forget = (): void => rmSync(join(lab.directory, 'saved'))

test('a new life goes on with the lease: nothing is sent, and nothing changes in the kernel', async () => {
  const server = startServer(3600)
  const first = startNode()
  await first.line(/by DHCP$/)
  first.stop()
  const heard = server.output()
  const monitor = lab.start('node', 'ip', '-o', 'monitor', 'address', 'route', 'link')
  const second = startNode()
  await second.line(/^dns: .*nameserver 10\.9\.0\.1/)
  await second.line(/^hostname: node7$/)
  // The proof that the monitor would have seen a change.
  lab.node('ip', 'link', 'add', 'dev', 'late0', 'type', 'veth', 'peer', 'name', 'late1')
  await monitor.line(/late0/)
  expect(monitor.output()).not.toMatch(/10\.9\.0|10\.7\.0/)
  expect(server.output()).toBe(heard)
  expect(second.output()).not.toContain('by DHCP')
})

test('a lease of ten seconds lives on over a life a second', async () => {
  startServer(10)
  const first = startNode()
  await first.line(/by DHCP$/)
  let node = first
  for (let life = 2; life <= 9; life++) {
    node.stop()
    node = startNode()
    await node.line(/^dns: /)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(lab.node('ip', 'addr', 'show', 'dev', 'eth0')).toContain('10.9.0.50')
    expect(node.output()).not.toContain('by DHCP')
  }
}, 60_000)

test('a new life that knows nothing keeps the address that the old one had', async () => {
  startServer(3600)
  const first = startNode()
  await first.line(/by DHCP$/)
  first.stop()
  forget()
  const second = startNode()
  await second.line(/^network: eth0 10\.9\.0\.50\/24 by DHCP$/)
  expect(lab.node('ip', '-o', '-4', 'addr', 'show', 'dev', 'eth0').trim().split('\n')).toHaveLength(
    1,
  )
})

test('when the server has another address now, the old one goes and the new one stays', async () => {
  const server = startServer(3600)
  const first = startNode()
  await first.line(/by DHCP$/)
  first.stop()
  server.stop()
  forget()
  startServer(3600, '10.9.0.60')
  const second = startNode()
  await second.line(/^network: eth0 10\.9\.0\.60\/24 by DHCP$/)
  const addresses = lab.node('ip', '-o', '-4', 'addr', 'show', 'dev', 'eth0')
  expect(addresses.match(/inet \S+/g)).toEqual(['inet 10.9.0.60/24'])
  expect(lab.node('ip', 'route')).toMatch(
    /^default via 10\.9\.0\.1 dev eth0 proto dhcp src 10\.9\.0\.60/m,
  )
})

const planned = (mac: string) => ({
  ...{ name: 'wan', mac, mtuBytes: 1300, dhcp4: true, autoconf6: false },
  addresses: [
    { address: '10.9.0.200', prefix: 24 },
    { address: '2001:db8::5', prefix: 64 },
  ],
  routes: [{ destination: { address: '10.5.0.0', prefix: 16 }, gateway: '10.9.0.7', metric: 9 }],
})
const settingsOf = (mac: string): object => ({
  plan: { interfaces: [planned(mac)], nameServers: ['192.0.2.53'], searchDomains: [] },
})

test('a plan may have fixed addresses beside the lease, and both go on in the next life', async () => {
  startServer(3600)
  const mac = /link\/ether (\S+)/.exec(lab.node('ip', 'link', 'show', 'dev', 'eth0'))?.[1] ?? ''
  const first = startNode(settingsOf(mac))
  await first.line(/^network: wan 10\.9\.0\.200\/24 2001:db8::5\/64 as set$/)
  await first.line(/^network: wan 10\.9\.0\.50\/24 by DHCP$/)
  const routes = lab.node('ip', 'route')
  expect(routes).toMatch(/^default via 10\.9\.0\.1 dev wan proto dhcp src 10\.9\.0\.50/m)
  expect(routes).toMatch(/^10\.5\.0\.0\/16 via 10\.9\.0\.7 dev wan .*src 10\.9\.0\.200 metric 9/m)
  expect(lab.node('ip', 'link', 'show', 'dev', 'wan')).toContain('mtu 1300')
  expect(readFileSync(join(lab.directory, 'resolv.conf'), 'utf8')).toContain(
    'nameserver 192.0.2.53\nnameserver 10.9.0.1\n',
  )
  await eventually('no address is tentative any more', () =>
    lab.node('ip', 'addr', 'show', 'dev', 'wan').includes('tentative') ? null : true,
  )
  first.stop()
  const monitor = lab.start('node', 'ip', '-o', 'monitor', 'address', 'route', 'link')
  const second = startNode(settingsOf(mac))
  await second.line(/^dns: .*nameserver 10\.9\.0\.1/)
  lab.node('ip', 'link', 'add', 'dev', 'late0', 'type', 'veth', 'peer', 'name', 'late1')
  await monitor.line(/late0/)
  expect(monitor.output()).not.toMatch(/10\.[579]\.0|2001:db8|wan/)
  expect(second.output()).not.toMatch(/by DHCP|as set/)
})

test('the plan of another machine: DHCP everywhere, and its name servers after those of the lease', async () => {
  startServer(3600)
  const node = startNode(settingsOf('02:00:00:00:00:99'))
  await node.line(/^warn: network: wan \(02:\S+\) of solocloud\.network not found: DHCP on every/)
  await node.line(/^network: eth0 10\.9\.0\.50\/24 by DHCP$/)
  expect(readFileSync(join(lab.directory, 'resolv.conf'), 'utf8')).toContain(
    'nameserver 10.9.0.1\nnameserver 10.9.0.2\nnameserver 192.0.2.53\n',
  )
})
