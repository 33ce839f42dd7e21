import fc from 'fast-check'
import { expect, test } from 'vitest'
import { collect } from '../test/http/collect.ts'
import { LineSplitter, readNdjson } from './ndjson.ts'

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0
  for (const size of sizes) {
    await Promise.resolve()
    yield bytes.subarray(start, (start += size))
  }
  yield bytes.subarray(start)
}

function read(text: string, sizes: readonly number[] = [], bytesMax?: number): Promise<unknown[]> {
  return collect(readNdjson(chunksOf(Buffer.from(text), sizes), bytesMax))
}

test('values come out whole, wherever the chunks are cut', async () => {
  const values = fc.array(fc.record({ text: fc.string({ unit: 'grapheme' }), n: fc.integer() }))
  await fc.assert(
    fc.asyncProperty(values, fc.array(fc.nat(9), { maxLength: 200 }), async (sent, sizes) => {
      const text = sent.map((value) => `${JSON.stringify(value)}\n`).join('')
      expect(await read(text, sizes)).toEqual(sent)
    }),
    { numRuns: 200 },
  )
})

test('empty lines are signs of life', async () => {
  expect(await read('\n{"a":1}\n\n\r\n{"a":2}\n')).toEqual([{ a: 1 }, { a: 2 }])
})

test('a line without its end was cut off, even when it is JSON', async () => {
  await expect(read('{"a":1}\n12')).rejects.toThrow('cut off')
})

test('what is not JSON is refused', async () => {
  await expect(read('<html>\n')).rejects.toThrow('a line is not JSON')
})

test('a line over the limit is refused before it is whole', async () => {
  expect(await read(`${'1'.repeat(8)}\n`, [], 8)).toEqual([11111111])
  await expect(read('1'.repeat(9), [], 8)).rejects.toThrow('longer than 8 bytes')
  const splitter = new LineSplitter(8)
  splitter.push(Buffer.from('12345678'))
  expect(() => splitter.push(Buffer.from('9'))).toThrow('longer than 8 bytes')
})
