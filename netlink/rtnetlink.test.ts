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
import { decodeAddress, type Address } from './address.ts'
import { decodeLink, type Link } from './link.ts'
import { decodeRoutes, RouteOrigin, RouteTable } from './route.ts'
import { createRtnetlink } from './rtnetlink.ts'
import { RouteMessage } from './rtnetlink-message.ts'

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
      pointToPoint: false,
      permanentMac: null,
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

test('the recorded routes', () => {
  const routes = decodeMessages(recorded('routes', import.meta.url)).flatMap(decodeRoutes)
  const text = routes
    .filter(({ table }) => table !== RouteTable.local)
    .map(({ destination, gateway, onLink, link, source, priority, origin, table, type }) =>
      [
        `${destination.address}/${destination.prefix} by ${gateway ?? 'link'}`,
        `${onLink ? 'onlink ' : ''}on ${link ?? 'nothing'} from ${source ?? 'any'}`,
        `priority ${priority} origin ${origin} table ${table} type ${type}`,
      ].join(' '),
    )
  expect(text).toEqual([
    '0.0.0.0/0 by 203.0.113.1 onlink on 3 from 192.0.2.5 priority 7 origin 3 table 254 type 1',
    '10.0.0.0/8 by link on 3 from any priority 0 origin 3 table 254 type 1',
    '10.1.0.0/16 by 198.51.100.1 on 3 from any priority 0 origin 3 table 254 type 1',
    '10.1.0.0/16 by 198.51.100.2 on 3 from any priority 0 origin 3 table 254 type 1',
    '10.2.0.0/16 by fe80::1 on 3 from any priority 0 origin 3 table 254 type 1',
    '10.3.0.0/16 by link on nothing from any priority 0 origin 3 table 254 type 6',
    '198.51.100.0/24 by link on 3 from 198.51.100.9 priority 0 origin 2 table 254 type 1',
    '::/0 by fe80::2 on 3 from any priority 1024 origin 3 table 100 type 1',
    '2001:db8::/64 by link on 3 from any priority 256 origin 2 table 254 type 1',
    '2001:db8:9::/48 by 2001:db8:77::1 onlink on 3 from any priority 5 origin 3 table 254 type 1',
    'fe80::/64 by link on 3 from any priority 256 origin 2 table 254 type 1',
    'fe80::/64 by link on 2 from any priority 256 origin 2 table 254 type 1',
    '::/0 by fe80::1 on 3 from any priority 1024 origin 3 table 254 type 1',
  ])
  expect(routes.filter(({ table }) => table === RouteTable.local).length).toBeGreaterThan(4)
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
  const route = {
    ...{ link: 2, source: '10.9.0.50', priority: 102, origin: RouteOrigin.dhcp, onLink: true },
  }
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

test('an interface goes down, has another name, and comes up', () => {
  const { asked, rtnetlink } = kernel()
  rtnetlink.setDown(2)
  rtnetlink.rename(2, 'ens3')
  expect(asked).toEqual([
    'link 2: 19 0 00000000020000000000000001000000',
    'link 2: 19 0 00000000020000000000000000000000' + '09000300656e733300000000',
  ])
})

test('IPv6: the same structures, without a local address and a broadcast one', () => {
  const { asked, rtnetlink } = kernel()
  rtnetlink.putAddress({ address: '2001:db8::5', prefix: 64, link: 2, validSeconds: null })
  const route = { link: 2, source: null, priority: 102, origin: RouteOrigin.static, onLink: false }
  const everything = { address: '::', prefix: 0 }
  rtnetlink.putRoute({ ...route, destination: everything, gateway: 'fe80::1' })
  rtnetlink.putRoute({
    ...route,
    destination: { address: '2001:db8:9::', prefix: 48 },
    gateway: '2001:db8:77::1',
    onLink: true,
  })
  rtnetlink.putRoute({
    ...route,
    destination: { address: '0.0.0.0', prefix: 0 },
    gateway: 'fe80::1',
  })
  const onLink2 = '0800040002000000' + '0800060066000000'
  expect(asked).toEqual([
    'address 2001:db8::5: 20 500 0a40000002000000' + '1400010020010db8000000000000000000000005',
    'route ::/0: 24 500 0a000000fe04000100000000' +
      onLink2 +
      '14000500fe800000000000000000000000000001',
    'route 2001:db8:9::/48: 24 500 0a300000fe04000104000000' +
      onLink2 +
      '1400010020010db8000900000000000000000000' +
      '1400050020010db8007700000000000000000001',
    // struct rtvia: the gateway is of the other family.
    'route 0.0.0.0/0: 24 500 02000000fe04000100000000' +
      onLink2 +
      '160012000a00fe8000000000000000000000000000010000',
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
      for (const type of [RouteMessage.newLink, RouteMessage.newAddress, RouteMessage.newRoute]) {
        const message = { type, flags: 0, sequence: 0, payload }
        expect(() =>
          [decodeLink, decodeAddress, decodeRoutes].map((decode) => decode(message)),
        ).not.toThrow()
      }
    }),
  )
})
