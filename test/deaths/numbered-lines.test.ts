import { expect, test } from 'vitest'
import { numberedLines } from './numbered-lines.ts'

const lines = (...numbers: number[]): string[] => numbers.map((number) => `number ${number}`)

test('tails that overlap or follow each other hold every line', () => {
  const seen = numberedLines()
  seen.take(['listening', ...lines(1, 2, 3)])
  seen.take(lines(2, 3, 4, 5))
  seen.take(lines(6))
  seen.take(lines(6))
  expect(seen.last()).toBe(6)
})

test.each([
  ['a line that is missing', lines(1, 2, 4), 'line 4 follows line 2'],
  ['a line that is doubled', lines(1, 2, 2), 'line 2 follows line 2'],
  ['a line that is torn', ['number 1', 'num', 'number 3'], 'line 3 follows line 1'],
  ['nothing', ['listening'], 'no numbered line'],
])('%s', (_, tail, message) => {
  expect(() => numberedLines().take(tail)).toThrow(message)
})

test('a tail that does not reach back to the one before', () => {
  const seen = numberedLines()
  seen.take(lines(4, 5))
  expect(() => seen.take(lines(7, 8))).toThrow('line 7 follows line 5')
})

test('a log that went back', () => {
  const seen = numberedLines()
  seen.take(lines(1, 2, 3))
  expect(() => seen.take(lines(1, 2))).toThrow('ends with line 2')
})
