import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { partNames, readPart } from './payload.ts'
import { encodeTable } from './table.ts'

let directory = ''
let path = ''
const program = Buffer.alloc(600_000, 'node')
program.write('FUSE:1', 299_995)

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'payload-'))
  path = join(directory, 'solocloud')
  const table = encodeTable([
    { name: 'node', kind: 'program', offset: 100, size: program.length, fuse: 300_000 },
    { name: 'empty', kind: 'data', offset: 100, size: 0, fuse: 0 },
  ])
  writeFileSync(path, Buffer.concat([Buffer.alloc(100, 'loader'), program, table]))
})
afterAll(() => rmSync(directory, { recursive: true }))

const plain = (): Buffer => {
  const copy = Buffer.from(program)
  copy.write('0', 300_000)
  return copy
}

test('a part streams whole, with its fuse unset', async () => {
  expect(partNames(path)).toEqual(['node', 'empty'])
  const part = readPart('node', path)
  expect(part.size).toBe(program.length)
  expect((await buffer(part.stream())).equals(plain())).toBe(true)
  expect((await buffer(readPart('empty', path).stream())).length).toBe(0)
})

test('a part is read at any position and ends where it ends', () => {
  const part = readPart('node', path)
  const target = Buffer.alloc(10)
  expect(part.readAt(target, 299_995)).toBe(10)
  expect(target.toString()).toBe(plain().toString('latin1', 299_995, 300_005))
  expect(target.toString()).toContain('FUSE:0')
  expect(part.readAt(target, program.length - 4)).toBe(4)
  expect(part.readAt(target, program.length + 5)).toBe(0)
})

test('an unknown part and another file are refused', () => {
  expect(() => readPart('libfoo.so', path)).toThrow('no part named libfoo.so')
  expect(() => readPart('node', import.meta.filename)).toThrow('not a solocloud file')
})
