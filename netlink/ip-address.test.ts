import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  broadcastOf,
  classfulPrefix,
  inNetwork,
  ipv4Bytes,
  ipv4Text,
  ipv6Bytes,
  ipv6Text,
  isHostAddress,
  networkOf,
  parseCidr,
  prefixOfMask,
} from './ip-address.ts'

test('a dotted quad becomes four bytes and comes back', () => {
  expect([...ipv4Bytes('192.0.2.255')]).toEqual([192, 0, 2, 255])
  expect(ipv4Text(Uint8Array.of(9, 10, 0, 2, 15), 1)).toBe('10.0.2.15')
  expect(() => ipv4Bytes('10.0.2')).toThrow('BUG')
})

test('netmasks, networks and broadcast addresses', () => {
  expect(prefixOfMask('255.255.255.0')).toBe(24)
  expect(prefixOfMask('255.255.255.255')).toBe(32)
  expect(prefixOfMask('0.0.0.0')).toBe(0)
  expect(prefixOfMask('255.0.255.0')).toBeNull()
  expect(networkOf({ address: '10.0.2.15', prefix: 20 })).toBe('10.0.0.0')
  expect(broadcastOf({ address: '10.0.2.15', prefix: 20 })).toBe('10.0.15.255')
  expect(broadcastOf({ address: '10.0.2.15', prefix: 32 })).toBeNull()
  expect(inNetwork({ address: '10.0.2.15', prefix: 24 }, '10.0.2.2')).toBe(true)
  expect(inNetwork({ address: '10.0.2.15', prefix: 32 }, '10.0.2.2')).toBe(false)
  expect(['10.1.1.1', '172.16.0.1', '192.168.0.1'].map(classfulPrefix)).toEqual([8, 16, 24])
})

test('addresses that no machine can have', () => {
  expect(['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255'].some(isHostAddress)).toBe(false)
  expect(['10.0.2.15', '223.1.1.1'].every(isHostAddress)).toBe(true)
})

test.each([
  ['10.0.2.15/24', { address: '10.0.2.15', prefix: 24 }],
  ['10.0.2.15/33', null],
  ['10.0.2.15', null],
  ['10.0.2/24', null],
  ['fe80::1/64', null],
])('the network %s', (text, expected) => {
  expect(parseCidr(text)).toEqual(expected)
})

test.each([
  ['20010db8000000000000000000000001', '2001:db8::1'],
  ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
  ['20010db8000100010001000100000001', '2001:db8:1:1:1:1:0:1'],
  ['fe800000000000000000000000000000', 'fe80::'],
  ['00000000000000000000000000000001', '::1'],
  ['00000000000000000000000000000000', '::'],
])('RFC 5952 writes %s as %s', (hex, expected) => {
  expect(ipv6Text(Buffer.from(hex, 'hex'))).toBe(expected)
})

test.each([
  ['2001:DB8::1', '20010db8000000000000000000000001'],
  ['::', '00000000000000000000000000000000'],
  ['fe80::1%eth0', 'fe800000000000000000000000000001'],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
  ['::ffff:192.0.2.5', '00000000000000000000ffffc0000205'],
  ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
  ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
])('the bytes of %s', (text, hex) => {
  expect(ipv6Bytes(text).toString('hex')).toBe(hex)
})

test('any sixteen bytes come back from their text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      expect([...ipv6Bytes(ipv6Text(bytes))]).toEqual([...bytes])
    }),
  )
  expect(() => ipv6Bytes('10.0.2.15')).toThrow('BUG')
})

test('IPv6 networks; the families do not mix', () => {
  expect(networkOf({ address: '2001:db8:9:ffff::1', prefix: 49 })).toBe('2001:db8:9:8000::')
  expect(networkOf({ address: '2001:db8::1', prefix: 128 })).toBe('2001:db8::1')
  expect(networkOf({ address: '2001:db8::1', prefix: 0 })).toBe('::')
  expect(inNetwork({ address: '2001:db8::5', prefix: 64 }, '2001:db8::1')).toBe(true)
  expect(inNetwork({ address: '2001:db8::5', prefix: 64 }, '2001:db8:0:1::1')).toBe(false)
  expect(inNetwork({ address: '::', prefix: 0 }, '10.0.2.2')).toBe(false)
})
