import { expect, test } from 'vitest'
import { unreclaimable } from './node-status.ts'

test('unreclaimable memory is what smaps_rollup calls Anonymous and Pss_Shmem', () => {
  expect(unreclaimable('Rss: 50000 kB\nPss_Shmem:  2000 kB\nAnonymous:  15000 kB\n')).toBe(
    17000 * 1024,
  )
  expect(unreclaimable('')).toBe(null)
})
