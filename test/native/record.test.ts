// The addon's side of the life record: what one process writes there, the next one reads, wherever it ended.
import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildAddon, compileC, scratch } from './build-addon.ts'

const place = scratch('life')
let addon = ''
let face = ''
beforeAll(() => {
  addon = buildAddon(place.dir)
  const source = `#include "${join(import.meta.dirname, 'stand-in-face.c')}"`
  face = compileC(place.dir, 'face.so', source, ['-fPIC', '-shared'])
})
afterAll(() => place.remove())

interface Found {
  lives: number
  notes: unknown[]
  kept: number[]
  child: unknown
  pending: unknown
  rest: string
}

/** A new record; each call is a life, and gives what it found and what it said. */
function newRecord(name: string): (...words: string[]) => { found: Found; said: string[] } {
  const open = (suffix: string): number => openSync(join(place.dir, name + suffix), 'w+')
  const fds = [open('.life'), open('.log')] as const
  afterAll(() => fds.forEach(closeSync))
  return (...words) => {
    const probe = join(import.meta.dirname, 'record-probe.ts')
    const done = spawnSync(process.execPath, [probe, ...words], {
      stdio: ['ignore', 'pipe', 'pipe', ...fds],
      env: { SOLOCLOUD_ADDON: addon, LD_PRELOAD: face, LIFE_FD: '3', LIFE_LOG_FD: '4' },
      encoding: 'utf8',
      timeout: 20_000,
    })
    expect(done.signal).toBeNull()
    const [first = '', ...said] = done.stdout.trimEnd().split('\n')
    return { found: JSON.parse(first) as Found, said }
  }
}

test('notes, kept descriptors and the count of lives outlive a life', () => {
  const live = newRecord('notes')
  expect(live('note=one', 'keep=17', 'keep=40000', 'keep=5', 'unkeep=5').found).toMatchObject({
    ...{ lives: 1, notes: [], kept: [], child: null },
  })
  const { found } = live('note=two')
  expect(found).toMatchObject({ lives: 2, kept: [17, 40_000] })
  expect(found.notes).toEqual([{ child: 7, note: { value: 'one' } }])
  expect(live('release').found.notes).toEqual([{ child: 7, note: { value: 'two' } }])
  expect(live().found.notes).toEqual([])
})

test('a note that is too long is refused and the one before stays', () => {
  const live = newRecord('long')
  live('note=short')
  live(`note=${'x'.repeat(5000)}`)
  expect(live().found.notes).toEqual([{ child: 7, note: { value: 'short' } }])
})

test('the kernel notes a child, and its end is noted before anybody hears of it', () => {
  const live = newRecord('child')
  live('spawn=process.exit(5)')
  expect(live().found.child).toEqual({ pid: expect.any(Number) as number, status: null })
  live('spawn=process.exit(5)', 'reap')
  expect(live('forget').found.child).toEqual({ pid: expect.any(Number) as number, status: 5 << 8 })
  expect(live().found.child).toBeNull()
})

test('a chunk of a log waits for its commit, and an unfinished line for its end', () => {
  const live = newRecord('log')
  expect(live('take=first line').said).toEqual([JSON.stringify([10, 'first line'])])
  const chunk = (text: string, fileSize: number, batches: number): unknown => ({
    ...{ text, about: [7, 1, 1234, fileSize, batches] },
  })
  expect(live('batch=512').found.pending).toEqual(chunk('first line', -1, 0))
  expect(live('commit=line').found.pending).toEqual(chunk('first line', 512, 10))
  expect(live('take=of two').found).toMatchObject({ pending: 0, rest: 'line' })
  expect(live('commit=').found).toMatchObject({ pending: chunk('of two', -1, 0), rest: 'line' })
  expect(live().found).toMatchObject({ pending: 0, rest: '' })
})

test('an empty pipe leaves nothing behind, and a place that was given up no line', () => {
  const live = newRecord('empty')
  expect(live('take=').said).toEqual([JSON.stringify([0, ''])])
  expect(live('note=x', 'take=abc', 'commit=abc', 'release').found.pending).toBe(0)
  expect(live().found).toMatchObject({ pending: 0, rest: '' })
})

test('a death goes to the loader with its words', () => {
  expect(newRecord('death')('die=at line 3').said).toEqual(['died: a test, at line 3'])
})
