import { expect, test } from 'vitest'
import { canUse, STATE_SCHEMA } from './schema.ts'

test.each([
  [{ version: 1, readableBy: 1 }, { version: 1, readableBy: 1 }, true],
  [{ version: 1, readableBy: 1 }, { version: 3, readableBy: 1 }, true],
  [{ version: 1, readableBy: 1 }, { version: 3, readableBy: 2 }, false],
  [{ version: 3, readableBy: 2 }, { version: 1, readableBy: 1 }, true],
])('a program with %o uses what %o has written: %s', (program, written, expected) => {
  expect(canUse(program, written)).toBe(expected)
})

test('we can use what we write', () => {
  expect(canUse(STATE_SCHEMA, STATE_SCHEMA)).toBe(true)
})
