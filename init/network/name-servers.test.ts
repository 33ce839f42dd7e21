import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Lease } from './dhcp-lease.ts'
import { FakeTimers } from './fake-timers.ts'
import { NameServers, type NamedInterface } from './name-servers.ts'

let directory: string
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'solocloud-dns-'))))
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const lease = (nameServers: string[], domain: string | null): Lease => ({
  address: { address: '192.0.2.7', prefix: 24 },
  server: '192.0.2.1',
  routes: [],
  nameServers,
  hostname: null,
  domain,
  mtuBytes: null,
  renewAtMs: 0,
  rebindAtMs: 0,
  expiresAtMs: 0,
})

/** RTM_NEWNDUSEROPT of interface 2: fe80::53 for a minute. */
const advertisement = {
  type: 68,
  flags: 0,
  sequence: 0,
  payload: Buffer.from(
    '0a00180002000000860000000000000019030000' + '0000003c' + 'fe800000000000000000000000000053',
    'hex',
  ),
}

function setUp(preferred: string[], spare: string[] = []) {
  const configured = {
    preferred: { nameServers: preferred, searchDomains: [] },
    spare: { nameServers: spare, searchDomains: spare.length > 0 ? ['spare.example'] : [] },
  }
  const interfaces = new Map<number, NamedInterface>()
  const timers = new FakeTimers()
  const changes: string[] = []
  const path = join(directory, 'resolv.conf')
  const servers = new NameServers({
    timers,
    configured: () => configured,
    interfaces,
    path,
    warn: (problem) => changes.push(problem),
    onChange: (content) => changes.push(content),
  })
  return { interfaces, timers, changes, path, servers }
}

test('the settings come first, then leases, then routers; three are enough', () => {
  const { interfaces, servers, path, changes } = setUp(['192.0.2.53'])
  interfaces.set(2, { name: 'eth0', lease: lease(['192.0.2.1', '192.0.2.53'], 'example.com') })
  servers.hearRouter(advertisement)
  const content = readFileSync(path, 'utf8')
  expect(content).toBe(
    '# Written by solocloud.\nsearch example.com\nnameserver 192.0.2.53\nnameserver 192.0.2.1\nnameserver fe80::53%eth0\n',
  )
  servers.update()
  expect(changes).toEqual([content])
  expect(servers.content).toBe(content)
})

test('spare ones come last', () => {
  const { interfaces, servers, path } = setUp([], ['198.51.100.53'])
  interfaces.set(2, { name: 'eth0', lease: lease(['192.0.2.1'], 'example.com') })
  servers.update()
  expect(readFileSync(path, 'utf8')).toBe(
    '# Written by solocloud.\nsearch example.com spare.example\nnameserver 192.0.2.1\nnameserver 198.51.100.53\n',
  )
})

test('a router that falls silent is forgotten', () => {
  const { interfaces, servers, timers, path } = setUp(['192.0.2.53'])
  interfaces.set(2, { name: 'eth0', lease: null })
  servers.hearRouter(advertisement)
  expect(readFileSync(path, 'utf8')).toContain('fe80::53%eth0')
  timers.advance(60_000)
  expect(readFileSync(path, 'utf8')).toBe('# Written by solocloud.\nnameserver 192.0.2.53\n')
})

test('while none is known, a file that is there stays', () => {
  const { servers, path } = setUp([])
  servers.update()
  expect(servers.content).toBeNull()
  expect(() => readFileSync(path)).toThrow('ENOENT')
})

test('a directory that cannot be written to is told, and the apps get their file all the same', () => {
  rmSync(directory, { recursive: true })
  const { servers, changes } = setUp(['192.0.2.53'])
  servers.update()
  expect(changes).toEqual([
    expect.stringContaining('resolv.conf is not written'),
    '# Written by solocloud.\nnameserver 192.0.2.53\n',
  ])
})

test('what a router has advertised is known to the next life, until it expires', () => {
  const first = setUp([])
  first.interfaces.set(2, { name: 'eth0', lease: null })
  first.servers.hearRouter(advertisement)
  const second = setUp([])
  second.interfaces.set(2, { name: 'eth0', lease: null })
  second.timers.advance(30_000)
  second.servers.restore(first.servers.kept())
  second.servers.update()
  expect(second.changes).toEqual(['# Written by solocloud.\nnameserver fe80::53%eth0\n'])
  second.timers.advance(30_000)
  expect(second.servers.kept()).toEqual([])
})
