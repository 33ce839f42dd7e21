import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cached } from './cache.ts'

let dir = ''
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'cache-'))))
afterEach(() => rmSync(dir, { recursive: true }))

const fill = async (partial: string): Promise<void> => {
  mkdirSync(partial)
  writeFileSync(join(partial, 'file'), '')
  return Promise.resolve()
}

test('a thing is made once', async () => {
  const path = await cached(dir, 'tree', 'a1', fill)
  expect(path).toBe(join(dir, 'tree-a1'))
  expect(await cached(dir, 'tree', 'a1', async () => Promise.reject(new Error('again')))).toBe(path)
  expect(readdirSync(path)).toEqual(['file'])
})

test('a new version replaces the old one, and nothing else', async () => {
  await cached(dir, 'tree', 'a1', fill)
  await cached(dir, 'tree-house', 'a1', fill)
  await cached(dir, 'tree', 'b2', fill)
  expect(readdirSync(dir).sort()).toEqual(['tree-b2', 'tree-house-a1'])
})

test('a failure leaves the cache as it was', async () => {
  await cached(dir, 'tree', 'a1', fill)
  const made = cached(dir, 'tree', 'b2', async (partial) => {
    await fill(partial)
    throw new Error('no space')
  })
  await expect(made).rejects.toThrow('no space')
  expect(readdirSync(dir)).toEqual(['tree-a1'])
})
