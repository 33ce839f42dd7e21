import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { availableMemory, procBytes } from './meminfo.ts'

const MEMINFO = 'MemTotal:         237000 kB\nMemFree:           12 kB\nMemAvailable:   181764 kB\n'

test('a line of /proc becomes bytes', () => {
  expect(procBytes(MEMINFO, 'MemAvailable')).toBe(181764 * 1024)
  expect(procBytes(MEMINFO, 'Mem')).toBe(null)
})

test('available memory is null where the kernel does not tell', () => {
  const dir = mkdtempSync(join(tmpdir(), 'meminfo-'))
  expect(availableMemory(dir)).toBe(null)
  writeFileSync(join(dir, 'meminfo'), MEMINFO)
  expect(availableMemory(dir)).toBe(181764 * 1024)
  rmSync(dir, { recursive: true })
})
