import { expect, test } from 'vitest'
import { decodeTable, encodeTable, TABLE_SIZE, type TableEntry } from './table.ts'

const entries: TableEntry[] = [
  { name: 'node', kind: 'program', offset: 65536, size: 110_000_000, fuse: 105_000_001 },
  { name: 'libstdc++.so.6', kind: 'preload', offset: 2 ** 33, size: 2_190_440, fuse: 0 },
]

test('a table read back is the table written', () => {
  const table = encodeTable(entries)
  expect(table.length).toBe(TABLE_SIZE)
  expect(decodeTable(table)).toEqual(entries)
})

test('bytes that are no table are told from one', () => {
  expect(decodeTable(Buffer.alloc(TABLE_SIZE))).toBeNull()
  expect(decodeTable(encodeTable(entries).subarray(1))).toBeNull()
  const overfull = encodeTable(entries)
  overfull.writeUInt32LE(64, 16)
  expect(decodeTable(overfull)).toBeNull()
})

test('what does not fit is refused when it is written', () => {
  const entry = { kind: 'data', offset: 0, size: 0, fuse: 0 } as const
  expect(() => encodeTable([{ ...entry, name: 'x'.repeat(40) }])).toThrow('BUG')
  expect(() => encodeTable(Array<TableEntry>(64).fill({ ...entry, name: 'x' }))).toThrow('BUG')
})
