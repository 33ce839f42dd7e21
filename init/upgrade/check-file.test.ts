import { expect, test } from 'vitest'
import { encodeTable, PART_ALIGNMENT, TABLE_SIZE, type TableEntry } from '../../bundle/table.ts'
import { checkBytes } from './check-file.ts'

function program(machine = 62): Buffer {
  const header = Buffer.alloc(64)
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1])
  header.writeUInt16LE(2, 16)
  header.writeUInt16LE(machine, 18)
  return header
}

const part = (name: string, kind: TableEntry['kind'], index: number): TableEntry => ({
  ...{ name, kind, fuse: 0, size: 64 },
  offset: (index + 1) * PART_ALIGNMENT,
})

const PARTS = [
  part('node', 'program', 0),
  part('interpreter', 'interpreter', 1),
  part('shim.so', 'preload', 2),
  part('syscalls.node', 'addon', 3),
]

/** A file like ours, with the parts' bytes all programs. */
function file(parts: readonly TableEntry[] = PARTS, machine = 62): Buffer {
  const bytes = Buffer.alloc(5 * PART_ALIGNMENT + TABLE_SIZE)
  bytes.set(program(machine))
  for (const { offset } of parts) if (offset < bytes.length - 64) bytes.set(program(), offset)
  bytes.set(encodeTable(parts), bytes.length - TABLE_SIZE)
  return bytes
}

function check(bytes: Buffer, arch = 'x64'): string {
  const readAt = (target: Uint8Array, position: number): void =>
    void bytes.copy(target, 0, position)
  try {
    checkBytes({ size: bytes.length, readAt }, arch)
    return 'good'
  } catch (error) {
    const { code, message } = error as Error & { code: string }
    return `${code}: ${message}`
  }
}

test('a file of ours is good, on its own machine', () => {
  expect(check(file())).toBe('good')
  expect(check(file(PARTS, 183), 'arm64')).toBe('good')
})

test('a file for another machine is refused by name', () => {
  expect(check(file(), 'arm64')).toMatch(/^wrong-architecture: .*for amd64 .* is arm64/)
  expect(check(file(PARTS, 183))).toMatch(/^wrong-architecture: .*for arm64 .* is amd64/)
  expect(check(file(PARTS, 8))).toMatch(/^wrong-architecture: .*for machine 8 /)
})

test.each([
  ['nothing', Buffer.alloc(0)],
  ['a text', Buffer.from('#!/bin/sh\n'.repeat(1000))],
  ['a program of somebody else', Buffer.concat([program(), Buffer.alloc(10_000)])],
  ['a program shorter than a table', program()],
  ['a file that is cut short', file().subarray(0, -1)],
  ['a library', Buffer.from(file()).fill(3, 16, 17)],
])('%s is no file of ours', (_, bytes) => {
  expect(check(bytes)).toMatch(/^not-solocloud: /)
})

test.each([
  ['a part behind the end', [...PARTS, part('more', 'data', 60)], 'its part more is not in it'],
  ['an empty part', [...PARTS, { ...part('more', 'data', 4), size: 0 }], 'part more is not in it'],
  ['no addon', PARTS.slice(0, 3), 'it has no addon'],
  ['no program', PARTS.slice(1), 'it has no program'],
])('%s is damage', (_, parts, why) => {
  expect(check(file(parts))).toMatch(/^file-damaged: /)
  expect(check(file(parts))).toContain(why)
})

test('a part that has been overwritten is damage', () => {
  const bytes = file()
  bytes.fill(0, PART_ALIGNMENT, PART_ALIGNMENT + 4)
  expect(check(bytes)).toContain('its part node is not a program')
})
