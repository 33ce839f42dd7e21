import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NetlinkSocket } from './netlink-socket.ts'
import {
  ControlType,
  decodeAttributes,
  decodeMessages,
  encodeAttributes,
  encodeMessage,
} from './netlink.ts'
import { recorded } from './recorded.ts'
import {
  createRtnetlink,
  decodeAddress,
  decodeLink,
  RouteMessage,
  RouteOrigin,
  type Address,
  type Link,
} from './rtnetlink.ts'

test('the recorded interfaces', () => {
  const messages = decodeMessages(recorded('links', import.meta.url))
  expect(messages.at(-1)?.type).toBe(ControlType.done)
  const links = messages.map(decodeLink).filter((link): link is Link => link !== null)
  expect(links).toMatchObject([
    { name: 'lo', index: 1, loopback: true, ethernet: false, up: true, carrier: true, kind: null },
    {
      name: 'eth0',
      index: 2,
      loopback: false,
      ethernet: true,
      up: true,
      carrier: true,
      kind: 'veth',
      mtuBytes: 1500,
      master: null,
    },
  ])
  expect(links[1]?.mac).toHaveLength(6)
})

test('the recorded addresses: those of a lease have a lifetime', () => {
  const addresses = decodeMessages(recorded('addresses', import.meta.url)).map(decodeAddress)
  const known = addresses.filter((address): address is Address => address !== null)
  const text = known.map(({ address, prefix, permanent, linkLocal }) =>
    [`${address}/${prefix}`, permanent ? 'permanent' : 'leased', linkLocal ? 'link' : '']
      .join(' ')
      .trim(),
  )
  expect(text).toEqual([
    '127.0.0.1/8 permanent',
    '10.9.0.50/24 leased',
    '::1/128 permanent',
    expect.stringMatching(/^fe80::[0-9a-f:]+\/64 permanent link$/),
  ])
})

/** A kernel that notes what it is asked for and says yes. */
function kernel() {
  const asked: string[] = []
  const socket: NetlinkSocket = {
    request: (what, type, flags, payload) => {
      asked.push(`${what}: ${type} ${flags.toString(16)} ${payload.toString('hex')}`)
      return []
    },
    close: () => undefined,
  }
  return { asked, rtnetlink: createRtnetlink(socket) }
}

test('changes, byte by byte as the structures of <linux/rtnetlink.h> have them', () => {
  const { asked, rtnetlink } = kernel()
  rtnetlink.setUp(2)
  rtnetlink.setMtu(2, 1400)
  rtnetlink.putAddress({ address: '10.9.0.50', prefix: 24, link: 2, validSeconds: 3600 })
  rtnetlink.deleteAddress(2, { address: '10.9.0.50', prefix: 32 })
  const route = { link: 2, source: '10.9.0.50', priority: 102, origin: RouteOrigin.dhcp }
  rtnetlink.putRoute({
    ...route,
    destination: { address: '0.0.0.0', prefix: 0 },
    gateway: '10.9.0.1',
  })
  rtnetlink.putRoute({ ...route, destination: { address: '10.7.0.0', prefix: 16 }, gateway: null })
  expect(asked).toEqual([
    'link 2: 19 0 00000000020000000100000001000000',
    'link 2: 19 0 00000000020000000000000000000000' + '0800040078050000',
    'address 10.9.0.50: 20 500 0218000002000000' +
      '080001000a090032' +
      '080002000a090032' +
      '080004000a0900ff' +
      '14000600100e0000100e00000000000000000000',
    'address 10.9.0.50: 21 0 0220000002000000' + '080001000a090032' + '080002000a090032',
    'route 0.0.0.0/0: 24 500 02000000fe10000104000000' +
      '0800040002000000' +
      '0800060066000000' +
      '080007000a090032' +
      '080005000a090001',
    'route 10.7.0.0/16: 24 500 02100000fe10fd0100000000' +
      '0800040002000000' +
      '0800060066000000' +
      '080007000a090032' +
      '080001000a070000',
  ])
})

test('messages and attributes come back, cut-off ones end the reading', () => {
  const payload = encodeAttributes([
    [1, Buffer.from('abc')],
    [2, Buffer.alloc(0)],
  ])
  const bytes = encodeMessage({ type: 16, flags: 5, sequence: 7, payload })
  const [message] = decodeMessages(Buffer.concat([bytes, bytes.subarray(0, 20)]))
  expect(message).toEqual({ type: 16, flags: 5, sequence: 7, payload })
  expect(decodeMessages(bytes.subarray(0, bytes.length - 1))).toEqual([])
  expect([...decodeAttributes(payload)]).toEqual([
    [1, Buffer.from('abc')],
    [2, Buffer.alloc(0)],
  ])
})

test('any bytes are survived', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const payload = Buffer.from(bytes)
      expect(() => decodeMessages(payload)).not.toThrow()
      for (const type of [RouteMessage.newLink, RouteMessage.newAddress]) {
        const message = { type, flags: 0, sequence: 0, payload }
        expect(() => [decodeLink(message), decodeAddress(message)]).not.toThrow()
      }
    }),
  )
})
