import { expect, test } from 'vitest'
import { parseStorm } from './reaping.ts'

test("the storm's times become milliseconds", () => {
  expect(parseStorm('2500000 500000 12345\n')).toEqual({ wholeMs: 2.5, backlogMs: 0.5 })
  expect(() => parseStorm('storm: /proc')).toThrow("not storm's words")
})
