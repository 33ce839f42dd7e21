import { expect, test } from 'vitest'
import { kernelPackage } from './kernel.ts'

test('the meta package leads to one kernel', () => {
  const depends = 'linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n'
  expect(kernelPackage(depends)).toBe('linux-image-6.1.0-56-cloud-amd64')
  expect(() => kernelPackage('')).toThrow('apt-get update')
})
