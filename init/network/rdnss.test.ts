import { expect, test } from 'vitest'
import { AdvertisedServers, advertisedServers } from './rdnss.ts'

/** RTM_NEWNDUSEROPT for interface 2: struct nduseroptmsg, then the options. */
function news(options: string, icmpType = 134) {
  const area = Buffer.from(options, 'hex')
  const header = Buffer.alloc(16)
  header[0] = 10
  header.writeUInt16LE(area.length, 2)
  header.writeInt32LE(2, 4)
  header[8] = icmpType
  return { type: 68, flags: 0, sequence: 0, payload: Buffer.concat([header, area]) }
}
const A = '20010db8000000000000000000000001'
const B = 'fe800000000000000000000000000053'

test('the servers of an option, with its lifetime', () => {
  const option = `1905000000000e10${A}${B}`
  const lifetimeSeconds = 3600
  expect(advertisedServers(news(option))).toEqual([
    { link: 2, address: '2001:db8::1', lifetimeSeconds },
    { link: 2, address: 'fe80::53', lifetimeSeconds },
  ])
  expect(advertisedServers(news(option, 137))).toEqual([])
})

test('other options are passed over, broken ones end the reading', () => {
  const option = `190300000000003c${A}`
  expect(advertisedServers(news(`1f01000000000000${option}`))).toHaveLength(1)
  expect(advertisedServers(news(`0000000000000000${option}`))).toEqual([])
  expect(advertisedServers(news(`190500000000003c${A}`))).toEqual([])
})

test('they are kept until they expire or are withdrawn', () => {
  const servers = new AdvertisedServers()
  const one = { link: 2, address: 'a', lifetimeSeconds: 60 }
  const two = { link: 3, address: 'b', lifetimeSeconds: 0xffffffff }
  servers.update([one, two], 0)
  expect(servers.nextExpiryMs).toBe(60_000)
  expect(servers.valid(59_999)).toEqual([one, two])
  expect(servers.valid(60_000)).toEqual([two])
  expect(servers.nextExpiryMs).toBe(Infinity)
  servers.update([{ ...two, lifetimeSeconds: 0 }], 61_000)
  expect(servers.valid(61_000)).toEqual([])
  servers.update([one, two], 0)
  servers.forgetLink(2)
  expect(servers.valid(0)).toEqual([two])
})

test('a router cannot fill the memory', () => {
  const servers = new AdvertisedServers()
  const many = Array.from({ length: 1000 }, (_, i) => ({
    link: 2,
    address: `${i}`,
    lifetimeSeconds: 60,
  }))
  servers.update(many, 0)
  expect(servers.valid(0)).toHaveLength(16)
})
