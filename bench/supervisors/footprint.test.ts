import { expect, test } from 'vitest'
import { bytesPerService, type Memory, memoryTopic } from './footprint.ts'

const memory = (services: number, initBytes: number): Memory => ({
  services,
  helpers: services,
  initBytes,
  initAnonymousBytes: initBytes / 2,
  helperBytes: services * 100,
})
const init = ({ initBytes }: Memory) => initBytes

test('a service costs the difference between few and many, shared out', () => {
  expect(bytesPerService([memory(1, 1000), memory(101, 3000)], init)).toBe(20)
  expect(bytesPerService([memory(1, 1000), memory(101, 900)], init)).toBe(0)
  expect(bytesPerService([memory(1, 1000)], init)).toBeNull()
})

test('who has only one service has no slope', () => {
  const measured = new Map([
    ['ours', [memory(1, 1000), memory(11, 2000)]],
    ['tini', [memory(1, 500)]],
  ])
  const { lines } = memoryTopic([1, 11], measured)
  expect(lines[0]?.cells).toEqual([[1100], [3100], [100], [50], [200], '11'])
  expect(lines[1]?.cells.slice(1)).toEqual(['n/a', 'n/a', 'n/a', 'n/a', '1'])
})
