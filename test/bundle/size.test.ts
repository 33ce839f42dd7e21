// The file stays small enough to push to a VPS and to keep twice there.
import { statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { FILE, run } from './built-file.ts'

const FILE_BYTES_MAX = 120_000_000
const XZ_BYTES_MAX = 30_000_000

test('it has at most 120 MB', () => {
  expect(statSync(FILE).size).toBeLessThanOrEqual(FILE_BYTES_MAX)
})

test('and at most 30 MB by xz -6', { timeout: 290_000 }, () => {
  const packed = run(['sh', '-c', 'xz -6 -T1 -c "$0" | wc -c', FILE], process.env, 280_000)
  expect(Number(packed.out)).toBeGreaterThan(1_000_000)
  expect(Number(packed.out)).toBeLessThanOrEqual(XZ_BYTES_MAX)
})
