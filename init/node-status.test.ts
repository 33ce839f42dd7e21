import { expect, test } from 'vitest'
import { procBytes, unreclaimable } from './node-status.ts'

test('a line of /proc becomes bytes', () => {
  const meminfo =
    'MemTotal:         237000 kB\nMemFree:           12 kB\nMemAvailable:   181764 kB\n'
  expect(procBytes(meminfo, 'MemAvailable')).toBe(181764 * 1024)
  expect(procBytes(meminfo, 'Mem')).toBe(null)
})

test('unreclaimable memory is what smaps_rollup calls Anonymous and Pss_Shmem', () => {
  expect(unreclaimable('Rss: 50000 kB\nPss_Shmem:  2000 kB\nAnonymous:  15000 kB\n')).toBe(
    17000 * 1024,
  )
  expect(unreclaimable('')).toBe(null)
})
