// A fixed address, and IPv6 with name servers from a router. Needs root.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually, openLab, type Lab, type Program } from './lab.ts'

const file = (name: string): string => new URL(name, import.meta.url).pathname

let lab: Lab
beforeEach(async () => void (lab = await openLab()))
afterEach(() => lab.close())

const saved = (): string => join(lab.directory, 'saved')

const startNode = (settings: object): Program =>
  lab.start(
    'node',
    process.execPath,
    file('client.ts'),
    join(lab.directory, 'resolv.conf'),
    JSON.stringify(settings),
    saved(),
  )

test('a fixed address with a gateway outside its network', async () => {
  const node = startNode({
    address: { interface: null, cidr: { address: '192.0.2.5', prefix: 32 } },
    gateway: '198.51.100.1',
    nameServers: ['192.0.2.53'],
  })
  await node.line(/^network: eth0 192\.0\.2\.5\/32 as set$/)
  await node.line(/^dns: .*nameserver 192\.0\.2\.53/)
  const routes = lab.node('ip', 'route')
  expect(routes).toMatch(
    /^default via 198\.51\.100\.1 dev eth0 proto static src 192\.0\.2\.5 .*onlink/m,
  )
  expect(lab.node('ip', '-o', '-4', 'addr', 'show', 'dev', 'eth0')).toContain('valid_lft forever')
  lab.peer('ip', 'addr', 'add', '198.51.100.1/32', 'dev', 'up0')
  lab.peer('ip', 'route', 'add', '192.0.2.5/32', 'dev', 'up0')
  await eventually('the gateway answers', () => {
    const reply = lab.node('sh', '-c', 'busybox ping -c1 -W1 198.51.100.1 || true')
    return reply.includes('1 packets received') ? true : null
  })
})

test('a new life leaves the fixed address alone', async () => {
  const settings = {
    address: { interface: null, cidr: { address: '192.0.2.5', prefix: 24 } },
    gateway: '192.0.2.1',
    nameServers: ['192.0.2.53'],
  }
  const first = startNode(settings)
  await first.line(/as set$/)
  // It says so, and then it saves so.
  await eventually('what was set is saved', () =>
    existsSync(saved()) && readFileSync(saved(), 'utf8').includes('"digest"') ? true : null,
  )
  first.stop()
  const monitor = lab.start('node', 'ip', '-o', 'monitor', 'address', 'route', 'link')
  const second = startNode(settings)
  await second.line(/^dns: .*nameserver 192\.0\.2\.53/)
  lab.node('ip', 'link', 'add', 'dev', 'late0', 'type', 'veth', 'peer', 'name', 'late1')
  await monitor.line(/late0/)
  expect(monitor.output()).not.toContain('192.0.2')
  expect(second.output()).not.toContain('as set')
  expect(lab.node('ip', 'addr', 'show', 'dev', 'eth0')).toContain('192.0.2.5/24')
})

test('the address belongs to the interface that is named; another one asks by DHCP', async () => {
  lab.node('ip', 'link', 'add', 'dev', 'other', 'type', 'veth', 'peer', 'name', 'other1')
  startNode({ address: { interface: 'other', cidr: { address: '192.0.2.5', prefix: 24 } } })
  await eventually('the address', () =>
    lab.node('ip', 'addr', 'show', 'dev', 'other').includes('192.0.2.5/24') ? true : null,
  )
  expect(lab.node('ip', 'addr', 'show', 'dev', 'eth0')).not.toContain('192.0.2.5')
})

test('IPv6: the kernel takes its address from the router, and we its name servers', async () => {
  const node = startNode({})
  await eventually('eth0 has its link-local address', () =>
    /inet6 fe80::(?!.*tentative)/.test(lab.node('ip', 'addr', 'show', 'dev', 'eth0')) ? true : null,
  )
  lab.start('peer', process.execPath, file('router.ts'), 'up0')
  await node.line(/^dns: .*nameserver 2001:db8:9::53/)
  node.stop()
  const second = startNode({})
  await second.line(/^dns: .*nameserver 2001:db8:9::53/)
  await eventually('a global address', () =>
    lab.node('ip', 'addr', 'show', 'dev', 'eth0').includes('inet6 2001:db8:9:') ? true : null,
  )
  expect(lab.node('ip', '-6', 'route')).toMatch(/^default via fe80::/m)
})

test('a new life that knows nothing asks the router, as it has missed the answer of the old one', async () => {
  const first = startNode({})
  await eventually('eth0 has its link-local address', () =>
    /inet6 fe80::(?!.*tentative)/.test(lab.node('ip', 'addr', 'show', 'dev', 'eth0')) ? true : null,
  )
  // This router speaks only when it is asked, and the kernel asks until it has an answer.
  const router = lab.start('peer', process.execPath, file('router.ts'), 'up0', 'when-asked')
  await router.line(/^listening$/)
  await first.line(/^dns: .*nameserver 2001:db8:9::53/)
  first.stop()
  rmSync(saved())
  const second = startNode({})
  await second.line(/^dns: .*nameserver 2001:db8:9::53/)
})
