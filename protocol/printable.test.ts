import { expect, test } from 'vitest'
import { printable, quoted } from './printable.ts'

test('no control character is left, whether old or new', () => {
  expect(printable('a\u001b[2J\n\u007f\u009b1mé')).toBe('a\\u001b[2J\\u000a\\u007f\\u009b1mé')
  expect(quoted('a\n\u009b"', 60)).toBe('"a\\n\\u009b\\""')
})

test('what is long is cut', () => {
  expect(quoted('x'.repeat(61), 60)).toBe(`"${'x'.repeat(60)}..."`)
  expect(quoted('x'.repeat(60), 60)).toBe(`"${'x'.repeat(60)}"`)
})
