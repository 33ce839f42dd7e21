import { expect, test } from 'vitest'
import { leaseOf } from './dhcp-lease.ts'
import type { DhcpMessage, DhcpOptions } from './dhcp-message.ts'

const ack = (options: DhcpOptions, fields: Partial<DhcpMessage> = {}): DhcpMessage => ({
  type: 'ack',
  reply: true,
  xid: 1,
  seconds: 0,
  broadcast: true,
  clientAddress: '0.0.0.0',
  yourAddress: '192.0.2.7',
  mac: new Uint8Array(6),
  ...fields,
  options: { serverId: '192.0.2.1', leaseSeconds: 1000, ...options },
})
const times = (options: DhcpOptions) => {
  const lease = leaseOf(ack(options), 5000)
  return [lease?.renewAtMs, lease?.rebindAtMs, lease?.expiresAtMs]
}

test('times: as the server says, when that makes sense', () => {
  expect(times({})).toEqual([505_000, 880_000, 1_005_000])
  expect(times({ renewalSeconds: 100, rebindingSeconds: 200 })).toEqual([
    105_000, 205_000, 1_005_000,
  ])
  expect(times({ renewalSeconds: 2000, rebindingSeconds: 0 })).toEqual([
    505_000, 880_000, 1_005_000,
  ])
  expect(times({ renewalSeconds: 900, rebindingSeconds: 100 })).toEqual([
    105_000, 105_000, 1_005_000,
  ])
  expect(times({ leaseSeconds: 0 })).toEqual([10_000, 13_750, 15_000])
  expect(times({ leaseSeconds: 0xffffffff })).toEqual([Infinity, Infinity, Infinity])
})

test('without a mask, the address class tells; with holes in it too', () => {
  expect(leaseOf(ack({}), 0)?.address.prefix).toBe(24)
  expect(leaseOf(ack({ subnetMask: '255.0.255.0' }), 0)?.address.prefix).toBe(24)
  expect(leaseOf(ack({ subnetMask: '255.255.240.0' }), 0)?.address.prefix).toBe(20)
})

test('what a lease must have', () => {
  expect(leaseOf(ack({}, { type: 'offer' }), 0)).toBeNull()
  expect(leaseOf(ack({}, { yourAddress: '127.0.0.1' }), 0)).toBeNull()
  const { options } = ack({})
  delete options.leaseSeconds
  expect(leaseOf({ ...ack({}), options }, 0)).toBeNull()
})

test('classless routes replace the router; a router is the default route', () => {
  const route = { destination: { address: '10.0.0.0', prefix: 8 }, gateway: '192.0.2.2' }
  expect(leaseOf(ack({ routers: ['0.0.0.0', '192.0.2.1'] }), 0)?.routes).toEqual([
    { destination: { address: '0.0.0.0', prefix: 0 }, gateway: '192.0.2.1' },
  ])
  expect(leaseOf(ack({ routers: ['192.0.2.1'], routes: [route] }), 0)?.routes).toEqual([route])
})

test('nothing from the network gets into a file unchecked', () => {
  const lease = leaseOf(
    ack({
      domain: 'a\nnameserver 6.6.6.6',
      hostname: '-bad-',
      nameServers: ['0.0.0.0', '192.0.2.3'],
      mtuBytes: 68,
    }),
    0,
  )
  expect(lease).toMatchObject({
    domain: null,
    hostname: null,
    nameServers: ['192.0.2.3'],
    mtuBytes: null,
  })
  expect(leaseOf(ack({ domain: 'example.com.' }), 0)?.domain).toBe('example.com')
})
