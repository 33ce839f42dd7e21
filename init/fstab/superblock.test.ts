import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { makeWith, withFile } from '../../test/disk-fixtures.ts'
import { identify, type Probe } from './superblock.ts'

const directory = mkdtempSync(join(tmpdir(), 'solocloud-superblock-'))
afterAll(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'disk')

const UUID = '0a1b2c3d-1111-4222-8333-444455556666'
const KIB = 1024

test.each([
  ['ext4', 8, ['mke2fs', '-q', '-t', 'ext4', '-L', 'a disk', '-U', UUID]],
  ['ext3', 8, ['mke2fs', '-q', '-t', 'ext3', '-L', 'a disk', '-U', UUID]],
  ['ext2', 8, ['mke2fs', '-q', '-t', 'ext2', '-L', 'a disk', '-U', UUID]],
  ['xfs', 300, ['mkfs.xfs', '-q', '-L', 'a_disk', '-m', `uuid=${UUID}`]],
  ['swap', 1, ['mkswap', '-L', 'a disk', '-U', UUID]],
] as const)('%s', (fstype, sizeMb, words) => {
  makeWith(file, sizeMb, words)
  const label = fstype === 'xfs' ? 'a_disk' : 'a disk'
  expect(withFile(file, identify)).toEqual({ fstype, uuid: UUID, label })
})

test.each([
  ['FAT12', 1, '12'],
  ['FAT16', 16, '16'],
  ['FAT32', 40, '32'],
])('vfat, as %s, has a serial number for a UUID', (_, sizeMb, bits) => {
  makeWith(file, sizeMb, ['mkfs.vfat', '-F', bits, '-i', '1a2b3c4d', '-n', 'EFI'])
  expect(withFile(file, identify)).toEqual({ fstype: 'vfat', uuid: '1A2B-3C4D', label: 'EFI' })
  makeWith(file, sizeMb, ['mkfs.vfat', '-F', bits, '-i', '1a2b3c4d'])
  expect(withFile(file, identify)?.label).toBe('')
})

test('btrfs', () => {
  const superblock = gunzipSync(
    readFileSync(join(import.meta.dirname, 'fixtures/btrfs-superblock.gz')),
  )
  const read: Probe = (offset, length) =>
    offset === 64 * KIB ? superblock.subarray(0, length) : Buffer.alloc(length)
  expect(identify(read, 120 * KIB * KIB)).toEqual({
    ...{ fstype: 'btrfs', uuid: '0a1b2c3d-1111-2222-3333-444455556666', label: 'data pool' },
  })
})

test('nothing, too little, and a boot sector that is no file system', () => {
  for (const bytes of [0, 1, 512, 1024, 2047, 1_000_000]) {
    writeFileSync(file, Buffer.alloc(bytes))
    expect(withFile(file, identify)).toBeNull()
  }
  makeWith(file, 4, ['sfdisk'], 'label: dos\n,,L\n')
  expect(withFile(file, identify)).toBeNull()
})

test('a truncated one is nothing or itself, and never an exception', () => {
  makeWith(file, 8, ['mke2fs', '-q', '-t', 'ext4'])
  const whole = readFileSync(file).subarray(0, 3000)
  for (let length = 0; length < whole.length; length += 37) {
    const read: Probe = (offset, size) => whole.subarray(0, length).subarray(offset, offset + size)
    expect([null, 'ext4']).toContain(identify(read, length)?.fstype ?? null)
  }
})

test.each([
  ['1.1', (): number => 0],
  ['1.2', (): number => 4 * KIB],
  ['1.0', (size: number): number => size - 8 * KIB],
  ['0.90', (size: number): number => size - 64 * KIB],
])('a member of an array with metadata %s is no file system of its own', (_, place) => {
  makeWith(file, 8, ['mke2fs', '-q', '-t', 'ext4'])
  const bytes = readFileSync(file)
  bytes.writeUInt32LE(0xa92b4efc, place(bytes.length))
  writeFileSync(file, bytes)
  expect(withFile(file, identify)).toBeNull()
})
