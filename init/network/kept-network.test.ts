import { expect, test } from 'vitest'
import type { Lease } from './dhcp-lease.ts'
import { decodeKept, encodeKept, NOTHING_KEPT, type KeptNetwork } from './kept-network.ts'

const lease = (routes: number): Lease => ({
  address: { address: '192.0.2.7', prefix: 24 },
  server: '192.0.2.1',
  routes: Array.from({ length: routes }, (_, i) => ({
    destination: { address: `10.${i}.0.0`, prefix: 16 },
    gateway: '192.0.2.1',
  })),
  nameServers: ['192.0.2.53'],
  hostname: 'node7',
  domain: null,
  mtuBytes: 1400,
  renewAtMs: 1_800_000.5,
  rebindAtMs: Infinity,
  expiresAtMs: Infinity,
})
const kept = (...routes: number[]): KeptNetwork => ({
  leases: routes.map((count, i) => ({ link: i + 2, mac: '020000000001', lease: lease(count) })),
  fixed: [{ link: 9, mac: '', digest: '0123456789abcdef' }],
  servers: [{ link: 2, address: '2001:db8::53', lifetimeSeconds: 600, expiresAtMs: Infinity }],
})

const again = (network: KeptNetwork): KeptNetwork => decodeKept(JSON.parse(encodeKept(network)))

test('what is saved is read again, endless leases too', () => {
  expect(again(kept(2, 0))).toEqual(kept(2, 0))
})

test('what does not fit a note is left out: the last leases first', () => {
  expect(again(kept(3, 100)).leases).toEqual(kept(3).leases)
  expect(again(kept(100))).toEqual(kept())
  const servers = Array.from({ length: 100 }, (_, i) => ({
    ...{ link: 2, address: `2001:db8::${i}`, lifetimeSeconds: 600, expiresAtMs: 600_000 },
  }))
  const text = encodeKept({ ...kept(), servers })
  expect(Buffer.byteLength(text)).toBeLessThan(3900)
  expect(decodeKept(JSON.parse(text)).servers.length).toBeGreaterThan(16)
  const fixed = Array.from({ length: 100 }, (_, link) => ({
    ...{ link, mac: '020000000009', digest: '0123456789abcdef' },
  }))
  const left = again({ leases: [], servers: [], fixed }).fixed
  expect(left).toEqual(fixed.slice(0, left.length))
  expect(left.length).toBeGreaterThan(40)
})

test.each([null, undefined, 1, 'x', [], {}, { ...kept(), leases: [{}] }, { leases: [] }])(
  'another version’s %j is nothing',
  (saved) => {
    expect(decodeKept(saved)).toEqual(NOTHING_KEPT)
  },
)
