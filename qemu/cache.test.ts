import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { cached, userCacheDir } from './cache.ts'

let dir = ''
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'cache-'))))
afterEach(() => rmSync(dir, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())

const fill = async (partial: string): Promise<void> => {
  mkdirSync(partial)
  writeFileSync(join(partial, 'file'), '')
  return Promise.resolve()
}
const DAY_MS = 24 * 3_600_000
const age = (name: string, days: number): void => {
  const then = new Date(Date.now() - days * DAY_MS)
  utimesSync(join(dir, name), then, then)
}

test('a thing is made once', async () => {
  const path = await cached(dir, 'tree', 'a1', fill)
  expect(path).toBe(join(dir, 'tree-a1'))
  expect(await cached(dir, 'tree', 'a1', async () => Promise.reject(new Error('again')))).toBe(path)
  expect(readdirSync(path)).toEqual(['file'])
})

test('a version that nobody uses goes when another is made, and nothing else', async () => {
  for (const [kind, digest] of [
    ['tree', 'a1'],
    ['tree-house', 'a1'],
    ['tree', 'b2'],
  ] as const)
    await cached(dir, kind, digest, fill)
  mkdirSync(join(dir, 'tree-c3.partial-7'))
  mkdirSync(join(dir, 'tree-c4.partial-8'))
  for (const name of ['tree-a1', 'tree-house-a1']) age(name, 15)
  age('tree-c3.partial-7', 2)
  await cached(dir, 'tree', 'd4', fill)
  const left = ['tree-b2', 'tree-c4.partial-8', 'tree-d4', 'tree-house-a1']
  expect(readdirSync(dir).sort()).toEqual(left)
})

test('a version in use stays', async () => {
  await cached(dir, 'tree', 'a1', fill)
  age('tree-a1', 15)
  await cached(dir, 'tree', 'a1', fill)
  await cached(dir, 'tree', 'b2', fill)
  expect(readdirSync(dir).sort()).toEqual(['tree-a1', 'tree-b2'])
})

test('of two that make it at once, one is kept', async () => {
  const path = await cached(dir, 'tree', 'a1', async (partial) => {
    await fill(partial)
    await fill(join(dir, 'tree-a1'))
    writeFileSync(join(dir, 'tree-a1', 'faster'), '')
  })
  expect(readdirSync(path)).toEqual(['faster', 'file'])
  expect(readdirSync(dir)).toEqual(['tree-a1'])
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

test("a user's cache is where the desktop specification has it", () => {
  vi.stubEnv('XDG_CACHE_HOME', '/caches')
  expect(userCacheDir()).toBe('/caches/solocloud')
  vi.stubEnv('XDG_CACHE_HOME', 'relative')
  expect(userCacheDir()).toBe(join(homedir(), '.cache/solocloud'))
})
