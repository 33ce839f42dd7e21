import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LINE_BYTES_MAX, LineSplitter } from './line-splitter.ts'

function split(...chunks: (string | Buffer)[]): string[] {
  const lines: string[] = []
  const emit = (line: Uint8Array, partial: boolean): void =>
    void lines.push(`${partial ? 'P' : 'F'} ${Buffer.from(line).toString()}`)
  const splitter = new LineSplitter()
  for (const chunk of chunks) splitter.push(Buffer.from(chunk), emit)
  if (splitter.rest().length > 0) splitter.push(Buffer.from('\n'), emit)
  return lines
}

test('lines across chunks, empty ones, and one without a newline at the end', () => {
  expect(split('a\nb', 'c', '\n\n', 'd')).toEqual(['F a', 'F bc', 'F ', 'F d'])
  expect(split('a\n')).toEqual(['F a'])
})

test('a line over the limit comes in parts, the last of them whole', () => {
  const long = 'x'.repeat(LINE_BYTES_MAX)
  expect(split(`${long}\n`)).toEqual([`F ${long}`])
  expect(split(long, 'y', `\nz\n`)).toEqual([`P ${long}`, 'F y', 'F z'])
  expect(split(`${long}${long}!`)).toEqual([`P ${long}`, `P ${long}`, 'F !'])
})

test('a character is not cut in two', () => {
  const long = `${'x'.repeat(LINE_BYTES_MAX - 1)}€ end`
  expect(split(`${long}\n`)).toEqual([`P ${'x'.repeat(LINE_BYTES_MAX - 1)}`, 'F € end'])
})

test('however the bytes are cut, none is lost, doubled or too long', () => {
  const bytes = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.constant(new Uint8Array(LINE_BYTES_MAX - 3).fill(0xe2)),
      fc.constant(Uint8Array.of(10)),
    ),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(bytes, (chunks) => {
      const splitter = new LineSplitter()
      const out: Buffer[] = []
      const emit = (line: Uint8Array, partial: boolean): void => {
        expect(line.length).toBeLessThanOrEqual(LINE_BYTES_MAX)
        out.push(Buffer.from(line), Buffer.from(partial ? '' : '\n'))
      }
      for (const chunk of chunks) {
        splitter.push(chunk, emit)
        splitter.restore(splitter.rest()) // As another life does.
      }
      const all = Buffer.concat([...out, splitter.rest()])
      expect(all.equals(Buffer.concat(chunks))).toBe(true)
      expect(splitter.rest().length).toBeLessThanOrEqual(LINE_BYTES_MAX)
    }),
    { numRuns: 200 },
  )
})
