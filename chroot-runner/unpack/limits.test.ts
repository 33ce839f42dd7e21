import { expect, test } from 'vitest'
import { FreeSpace } from './free-space.ts'
import { DEFAULT_LIMITS, parseRequest, requestWords, showBytes } from './limits.ts'

test('a request survives being words', () => {
  const packedSha256 = 'ab'.repeat(32)
  const words = requestWords({ packedSha256, ignoreOwners: true, limits: { ratioMax: 7 } })
  expect(parseRequest(words)).toEqual({
    packedSha256,
    ignoreOwners: true,
    limits: { ...DEFAULT_LIMITS, ratioMax: 7 },
  })
  expect(parseRequest(requestWords({}))).toEqual({
    packedSha256: null,
    ignoreOwners: false,
    limits: DEFAULT_LIMITS,
  })
})

test.each(['sha256=xyz', 'ratioMax=-1', 'ratioMax', 'toString=1', ''])('%j is a bug', (word) => {
  expect(() => parseRequest([word])).toThrow(/^BUG: /)
})

test('sizes are shown in decimal units', () => {
  expect([999, 1_500_000, 2_340_000_000].map(showBytes)).toEqual(['999 bytes', '1.5 MB', '2.3 GB'])
})

test('the disk is looked at first, then every 16 MiB and every 1024 members', () => {
  let looks = 0
  const free = { bytes: 1e9, inodes: 5000 }
  const space = new FreeSpace(
    () => {
      looks++
      return free
    },
    { reserveBytes: 1e6, reserveInodes: 1000 },
  )
  space.take('a', 10)
  expect(looks).toBe(1)
  for (let entry = 0; entry < 1023; entry++) space.take('a', 10)
  expect(looks).toBe(1)
  space.take('a', 10)
  expect(looks).toBe(2)
  space.take('a', 20_000_000)
  expect(looks).toBe(3)
  expect(() => space.take('big', 999_000_001)).toThrow(
    /"big" needs 999\.0 MB, 1\.0 GB and 5000 inodes/,
  )
  free.inodes = 1000
  expect(() => space.take('a', 20_000_000)).toThrow(/are free, of which 1\.0 MB and 1000 inodes/)
})
