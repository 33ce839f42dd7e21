import { expect, test } from 'vitest'
import {
  broadcastOf,
  classfulPrefix,
  inNetwork,
  ipv4Bytes,
  ipv4Text,
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
