import { expect, test } from 'vitest'
import { formatTable } from './table.ts'

test('columns align whatever the colours, and the last is not padded', () => {
  const red = (text: string): string => `<${text}>`
  expect(
    formatTable([
      [{ text: 'A', paint: red }, { text: 'B' }],
      [{ text: 'long' }, { text: 'b' }],
    ]),
  ).toBe('<A>     B\nlong  b\n')
})

test("an image's words can't move the cursor", () => {
  expect(formatTable([[{ text: '1\u001b[2J\n2\u009b' }]])).toBe('1?[2J?2?\n')
})
