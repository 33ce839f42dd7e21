import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { removeTree } from './remove-tree.ts'

let dir: string
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'remove-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

test('files, links and directories go; what a link points to stays', async () => {
  mkdirSync(join(dir, 'tree/a/b'), { recursive: true })
  writeFileSync(join(dir, 'kept'), 'x')
  symlinkSync('../kept', join(dir, 'tree/link'))
  symlinkSync(dir, join(dir, 'tree/a/up'))
  for (let i = 0; i < 500; i++) writeFileSync(join(dir, `tree/a/b/${i}`), '')
  await removeTree(join(dir, 'tree'))
  expect(readdirSync(dir)).toEqual(['kept'])
})

test('names that are not UTF-8', async () => {
  const name = Buffer.concat([Buffer.from(`${dir}/tree/`), Buffer.from([0xff, 0xfe, 0x2e])])
  mkdirSync(join(dir, 'tree'))
  mkdirSync(name)
  writeFileSync(Buffer.concat([name, Buffer.from('/'), Buffer.from([0xc3])]), '')
  await removeTree(join(dir, 'tree'))
  expect(existsSync(join(dir, 'tree'))).toBe(false)
})

test('paths deeper than PATH_MAX', async () => {
  mkdirSync(join(dir, 'tree'))
  // 8,000 bytes deep, each step from the one before, as an app makes such a thing.
  let fd = openSync(join(dir, 'tree'), 'r')
  for (let depth = 0; depth < 40; depth++) {
    const next = `/proc/self/fd/${fd}/${'d'.repeat(200)}`
    mkdirSync(next)
    const deeper = openSync(next, 'r')
    closeSync(fd)
    fd = deeper
  }
  closeSync(fd)
  await removeTree(join(dir, 'tree'))
  expect(existsSync(join(dir, 'tree'))).toBe(false)
})

test('nothing there is fine; a file is a tree too', async () => {
  await removeTree(join(dir, 'nothing'))
  writeFileSync(join(dir, 'file'), '')
  await removeTree(join(dir, 'file'))
  expect(readdirSync(dir)).toEqual([])
})

test('what a watch lets stay keeps what it is in, and nothing else', async () => {
  mkdirSync(join(dir, 'tree/a/other'), { recursive: true })
  mkdirSync(join(dir, 'tree/b'))
  writeFileSync(join(dir, 'tree/a/other/file'), '')
  writeFileSync(join(dir, 'tree/b/file'), '')
  let removed = 0
  await removeTree(join(dir, 'tree'), {
    removed: () => removed++,
    enters: (directory) => Promise.resolve(!directory.toString().endsWith('/other')),
    stays: () => false,
  })
  expect(readdirSync(dir, { recursive: true }).sort()).toEqual([
    ...['tree', 'tree/a', 'tree/a/other', 'tree/a/other/file'],
  ])
  expect(removed).toBe(2)
})

test('a watch that does not let it stay ends the removal with the reason', async () => {
  mkdirSync(join(dir, 'tree'))
  writeFileSync(join(dir, 'tree/file'), '')
  const full = Object.assign(new Error('stop'), { code: 'EIO' })
  const removing = removeTree(join(dir, 'tree'), {
    removed: () => {
      throw full
    },
    enters: () => Promise.resolve(true),
    stays: (_, error) => error !== full,
  })
  await expect(removing).rejects.toBe(full)
  expect(readdirSync(join(dir, 'tree'))).toEqual([])
})
