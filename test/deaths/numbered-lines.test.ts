import { expect, test } from 'vitest'
import { countNumberedLines } from './numbered-lines.ts'

const AT = '2026-11-22T10:00:00.000Z'
const lines = (...texts: (number | string)[]): string =>
  texts
    .map((text) => `${AT} stdout F ${typeof text === 'number' ? `number ${text}` : text}\n`)
    .join('')

test('every line of every start is counted, and the oldest may be gone', () => {
  expect(countNumberedLines(lines('listening', 1, 2, 3))).toBe(3)
  expect(countNumberedLines(lines(7, 8, 9))).toBe(3)
  expect(countNumberedLines(lines(1, 2, 'listening', 1, 2, 3))).toBe(5)
  expect(countNumberedLines('')).toBe(0)
})

test.each([
  ['a line that is missing', lines(1, 2, 4), 'after number 2'],
  ['a line that is doubled', lines(1, 2, 2), 'after number 2'],
  ['a line that is torn', lines(1, 'num', 'ber 2', 3), 'after number 1'],
  ['a line in parts', `${lines(1)}${AT} stdout P number 2\n`, 'after number 1'],
  ['a log that tells of lost lines', lines(1, '[solocloud: 3 lines lost here: x]'), 'number 1'],
])('%s', (_, text, message) => {
  expect(() => countNumberedLines(text)).toThrow(message)
})
