import { expect, test } from 'vitest'
import { CHARACTER_DEVICE, cpio, Mode } from './cpio.ts'

test('a header has the fields of the newc format and the data is padded to four bytes', () => {
  const archive = cpio([{ path: 'a', mode: Mode.executable, data: Buffer.from('12345') }])
  const fields = ['070701', '00000001', '000081ed', '00000000', '00000000', '00000001', '00000000']
  const rest = ['00000005', '00000000', '00000000', '00000000', '00000000', '00000002', '00000000']
  const header = [...fields, ...rest].join('')
  expect(archive.subarray(0, 110).toString()).toBe(header)
  expect(archive.subarray(110, 120).toString('latin1')).toBe('a\0' + '12345' + '\0\0\0')
  expect(archive.subarray(120, 126).toString()).toBe('070701')
})

test('a device carries its numbers and the archive ends in the trailer', () => {
  const archive = cpio([{ path: 'dev/console', mode: CHARACTER_DEVICE, device: [5, 1] }])
  expect(archive.subarray(78, 94).toString()).toBe('0000000500000001')
  expect(archive.toString('latin1')).toContain('TRAILER!!!\0')
  expect(archive.length % 4).toBe(0)
})
