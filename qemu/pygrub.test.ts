import { expect, test } from 'vitest'
import { bootOf } from './pygrub.ts'

test("pygrub's fields are read, with spaces and equals signs in the arguments", () => {
  const output = 'kernel /x/boot_kernel.a\0ramdisk /x/boot_ramdisk.b\0args root=UUID=1 ro\0\0'
  expect(bootOf(output)).toEqual({
    kernel: '/x/boot_kernel.a',
    initramfs: '/x/boot_ramdisk.b',
    words: 'root=UUID=1 ro',
  })
})

test('an entry without an initramfs or arguments is told', () => {
  expect(() => bootOf('kernel /x/boot_kernel.a\0\0')).toThrow('pygrub hands out no ramdisk')
})
