import { expect, test } from 'vitest'
import { memberBytes } from './fixture.ts'
import { headerChecksumFits, readHeader } from './tar-header.ts'

/** A header with `bytes` in a field and its checksum made right again. */
function headerWith(at: number, bytes: Buffer): Buffer {
  const block = memberBytes({ name: 'a', mtime: 5 })
  bytes.copy(block, at)
  block.fill(' ', 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

const binary = (hex: string): Buffer => Buffer.from(hex.padStart(22, '0').padStart(24, '80'), 'hex')

test('sizes come in octal and in binary', () => {
  expect(readHeader(headerWith(124, Buffer.from('00000001750 ')))).toMatchObject({ size: 1000 })
  expect(readHeader(headerWith(124, Buffer.from('      1750\0\0')))).toMatchObject({ size: 1000 })
  expect(readHeader(headerWith(124, Buffer.alloc(12)))).toMatchObject({ size: 0 })
  expect(readHeader(headerWith(124, binary('0280000000')))).toMatchObject({ size: 0x280000000 })
})

test.each([
  ['far too large', binary('ffffffffffffffff')],
  ['negative', Buffer.alloc(12, 0xff)],
  ['no number', Buffer.from('0000000z000 ')],
  ['a number with blanks inside', Buffer.from('00 00000000 ')],
  ['another binary form', Buffer.from('c00000000000000000000000', 'hex')],
])('a size that is %s is refused', (_what, bytes) => {
  expect(() => readHeader(headerWith(124, bytes))).toThrow(/impossible size/)
})

test('times before 1970 are in two’s complement', () => {
  expect(readHeader(memberBytes({ name: 'a', mtime: 5 })).mtime).toBe(5)
  expect(readHeader(headerWith(136, Buffer.alloc(12, 0xff))).mtime).toBe(-1)
  const year1950 = Buffer.from('ffffffffffffffffda615500', 'hex')
  expect(readHeader(headerWith(136, year1950)).mtime).toBe(-631_155_456)
})

test('a changed byte does not fit the checksum', () => {
  const block = memberBytes({ name: 'a' })
  expect(headerChecksumFits(block)).toBe(true)
  block.writeUInt8(1, 500)
  expect(headerChecksumFits(block)).toBe(false)
})
