import * as fs from 'node:fs'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeDurably, type WriteDisk } from './durable-file.ts'

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'durable-'))
  path = join(dir, 'file')
})
afterEach(() => rmSync(dir, { recursive: true }))

/** The real disk, telling what it was asked for. */
function watched(acts: string[], failing = ''): WriteDisk {
  const watch =
    <A extends unknown[], R>(name: string, act: (...args: A) => R) =>
    (...args: A): R => {
      acts.push(name)
      if (name === failing) throw Object.assign(new Error(name), { code: 'ENOSPC' })
      return act(...args)
    }
  return {
    openSync: watch('open', fs.openSync),
    writeFileSync: watch('write', fs.writeFileSync),
    fsyncSync: watch('fsync', fs.fsyncSync),
    closeSync: watch('close', fs.closeSync),
    renameSync: watch('rename', fs.renameSync),
    rmSync: watch('rm', fs.rmSync),
  }
}

test('the bytes are on disk before their name, and the name before the return', () => {
  const acts: string[] = []
  writeDurably(path, 'one', watched(acts))
  const file = ['open', 'write', 'fsync', 'close', 'rename']
  expect(acts).toEqual([...file, 'open', 'fsync', 'close'])
  writeDurably(path, 'two')
  expect([readFileSync(path, 'utf8'), readdirSync(dir)]).toEqual(['two', ['file']])
})

test.each(['write', 'fsync', 'rename'])(
  'a %s that fails leaves the old file and no other',
  (act) => {
    writeDurably(path, 'old')
    const descriptors = readdirSync('/proc/self/fd').length
    expect(() => writeDurably(path, 'new', watched([], act))).toThrow(act)
    expect([readFileSync(path, 'utf8'), readdirSync(dir)]).toEqual(['old', ['file']])
    expect(readdirSync('/proc/self/fd').length).toBe(descriptors)
  },
)
