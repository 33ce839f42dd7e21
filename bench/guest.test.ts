import { expect, test } from 'vitest'
import { memoryInUse } from './guest.ts'

test('memory in use is what is not available', () => {
  const meminfo = 'MemTotal:         240000 kB\nMemFree:  1 kB\nMemAvailable:     200000 kB\n'
  expect(memoryInUse(meminfo)).toBe(40_000 * 1024)
  expect(() => memoryInUse('MemTotal: 1 kB\n')).toThrow('no MemAvailable')
})
