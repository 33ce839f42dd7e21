import { expect, test } from 'vitest'
import { cString, encodeAttributes, uint32 } from '../../netlink/netlink.ts'
import { decodeFamily, isPowerButton } from './acpi.ts'

const header = Buffer.of(1, 2, 0, 0)
const message = (type: number, attributes: Buffer) => ({
  type,
  flags: 0,
  sequence: 0,
  payload: Buffer.concat([header, attributes]),
})

const group = (name: string, id: number) =>
  encodeAttributes([
    [1, cString(name)],
    [2, uint32(id)],
  ])

test('the controller tells a family and its groups by number', () => {
  const groups = encodeAttributes([
    [1, group('other', 5)],
    [2, group('acpi_mc_group', 6)],
  ])
  const answer = message(
    16,
    encodeAttributes([
      [1, Buffer.of(0x18, 0)],
      [7, groups],
    ]),
  )
  expect(decodeFamily(answer, 'acpi_mc_group')).toEqual({ id: 0x18, group: 6 })
  expect(decodeFamily(answer, 'missing')).toBeNull()
  expect(decodeFamily(message(16, Buffer.alloc(0)), 'acpi_mc_group')).toBeNull()
})

test('only the power button is the power button', () => {
  const event = (deviceClass: string) => {
    const bytes = Buffer.alloc(44)
    bytes.write(deviceClass)
    return message(0x18, encodeAttributes([[1, bytes]]))
  }
  expect(isPowerButton(event('button/power'), 0x18)).toBe(true)
  expect(isPowerButton(event('button/lid'), 0x18)).toBe(false)
  expect(isPowerButton(event('button/power'), 0x19)).toBe(false)
  expect(isPowerButton(message(0x18, Buffer.alloc(0)), 0x18)).toBe(false)
})
