import { expect, test } from 'vitest'
import type { Address } from '../../../netlink/address.ts'
import { choose } from './choose.ts'
import { configured, type Configured } from './configured.ts'

const on = (address: string, permanent = true): Address => ({
  ...{ family: 4, address, prefix: 24, link: 2, permanent, linkLocal: false },
})
const file = (source: string, ...addresses: string[]): Configured => ({
  ...configured('eth0', source),
  addresses: addresses.map((address) => ({ address, prefix: 24 })),
})
const dhcp = (source: string): Configured => ({ ...file(source), dhcp4: true })
const sourceOf = (said: Configured[], ...addresses: Address[]): string | undefined =>
  choose(said, addresses)?.source

test('the file whose tool has the interface, whatever it says', () => {
  expect(sourceOf([file('a', '10.0.0.1'), { ...dhcp('b'), inUse: true }], on('10.0.0.1'))).toBe('b')
})

test("else the one that the kernel's addresses bear out", () => {
  expect(sourceOf([dhcp('a'), file('b', '10.0.0.1')], on('10.0.0.1'))).toBe('b')
  expect(sourceOf([file('a', '10.0.0.1'), dhcp('b')], on('10.0.0.9', false))).toBe('b')
  expect(sourceOf([file('a', '10.0.0.1', '10.0.0.2'), file('b', '10.0.0.1')], on('10.0.0.1'))).toBe(
    'b',
  )
})

test('else the first, if any', () => {
  expect(sourceOf([dhcp('a'), dhcp('b')])).toBe('a')
  expect(choose([], [on('10.0.0.1')])).toBeNull()
})
