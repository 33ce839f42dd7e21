import { expect, test } from 'vitest'
import { median, spread } from './statistics.ts'

test('the median is the middle of the values, in whatever order they come', () => {
  expect(median([7])).toBe(7)
  expect(median([10, 1, 2])).toBe(2)
  expect(median([100, 9, 11, 1])).toBe(10)
  expect(() => median([])).toThrow('no samples')
})

test('the median leaves its argument alone', () => {
  const samples = [3, 1, 2]
  median(samples)
  expect(samples).toEqual([3, 1, 2])
})

test('the spread is half the range over the median', () => {
  expect(spread([5])).toBe(0)
  expect(spread([90, 100, 110])).toBeCloseTo(0.1)
  expect(spread([0, 0])).toBe(0)
})
