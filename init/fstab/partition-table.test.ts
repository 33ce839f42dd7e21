import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { makeWith, withFile } from '../../test/disk-fixtures.ts'
import { partitionNames } from './partition-table.ts'

const directory = mkdtempSync(join(tmpdir(), 'solocloud-partitions-'))
afterAll(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'disk')

const names = (numbers: readonly number[], sectorBytes = 512) =>
  withFile(file, (read) => {
    const name = partitionNames(read, sectorBytes)
    return numbers.map((number) => name(number))
  })

test('GPT: the entry’s own UUID and label', () => {
  const table = [
    'label: gpt',
    'size=1M, uuid=0A1B2C3D-4E5F-4061-8273-8495A6B7C8D9, name="Grüße an alle"',
    'size=1M, uuid=11111111-2222-3333-4444-555555555555',
  ].join('\n')
  makeWith(file, 8, ['sfdisk', '-q'], table)
  expect(names([1, 2, 3, 0, 129, 4000])).toEqual([
    { uuid: '0a1b2c3d-4e5f-4061-8273-8495a6b7c8d9', label: 'Grüße an alle' },
    { uuid: '11111111-2222-3333-4444-555555555555', label: '' },
    ...[null, null, null, null],
  ])
  // Read as if its sectors were larger, it has no GPT where it should be.
  expect(names([1], 4096)).toEqual([null])
})

test('MBR: the disk’s signature and the number, of a logical partition too', () => {
  makeWith(
    file,
    8,
    ['sfdisk', '-q'],
    'label: dos\nlabel-id: 0x0badcafe\nsize=1M\nsize=4M,type=5\nsize=1M',
  )
  expect(names([1, 5, 12])).toEqual([
    { uuid: '0badcafe-01', label: '' },
    { uuid: '0badcafe-05', label: '' },
    { uuid: '0badcafe-0c', label: '' },
  ])
})

test('no table, and a GPT whose header claims nonsense', () => {
  writeFileSync(file, Buffer.alloc(100))
  expect(names([1])).toEqual([null])
  makeWith(file, 8, ['sfdisk', '-q'], 'label: gpt\nsize=1M')
  const whole = readFileSync(file)
  for (const [offset, value] of [
    [72, 2n ** 63n],
    [84, 0n],
    [84, 2n ** 31n],
    [80, 0n],
    [0, 0n],
  ] as const) {
    const bytes = Buffer.from(whole)
    if (offset === 72 || offset === 0) bytes.writeBigUInt64LE(value, 512 + offset)
    else bytes.writeUInt32LE(Number(value), 512 + offset)
    writeFileSync(file, bytes)
    expect(names([1])).toEqual([null])
  }
})
