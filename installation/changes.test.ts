import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Change, PathContent } from '../protocol/installation.ts'
import { capture, fileContent, makeChanges, takeBack, takeBackUntouched } from './changes.ts'

let place: string
let blobs: string
const at = (name: string): string => join(place, name)
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'changes-'))
  blobs = at('blobs')
})
afterEach(() => rmSync(place, { recursive: true }))

const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
const file = (text: string, mode = 0o644): PathContent =>
  fileContent(blobs, text, { mode, ...owner })
const link = (target: string): PathContent => ({ kind: 'link', target })
const ABSENT: PathContent = { kind: 'absent' }

/** A file's text, a link's target after an arrow, or null. */
function shown(name: string): string | null {
  const found = lstatSync(at(name), { throwIfNoEntry: false })
  if (found === undefined) return null
  return found.isSymbolicLink() ? `-> ${readlinkSync(at(name))}` : readFileSync(at(name), 'latin1')
}

/** From what is there to `after`. */
const change = (name: string, after: PathContent): Change => ({
  path: at(name),
  before: capture(blobs, at(name)),
  after,
})

/** A file, a link, and nothing, each of which becomes something else. */
function threeChanges(): Change[] {
  writeFileSync(at('grubenv'), 'old \xfc', 'latin1')
  symlinkSync('/lib/systemd/systemd', at('init'))
  return [
    change('custom.cfg', file('entry')),
    change('grubenv', file('next', 0o600)),
    change('init', link('solocloud')),
  ]
}

const state = (): (string | null)[] => ['custom.cfg', 'grubenv', 'init'].map(shown)
const BEFORE = [null, 'old \xfc', '-> /lib/systemd/systemd']
const AFTER = ['entry', 'next', '-> solocloud']

test('there and back again, and each way twice is the same', () => {
  const changes = threeChanges()
  for (const [go, expected] of [
    ...[[makeChanges, AFTER] as const, [makeChanges, AFTER] as const],
    ...[[takeBack, BEFORE] as const, [takeBack, BEFORE] as const, [makeChanges, AFTER] as const],
  ]) {
    go(blobs, changes)
    expect(state()).toEqual(expected)
  }
  expect(lstatSync(at('grubenv')).mode & 0o7777).toBe(0o600)
  expect(readdirSync(place).toSorted()).toEqual(['blobs', 'custom.cfg', 'grubenv', 'init'])
})

test('a file that has the bytes but not the mode is not there yet', () => {
  const [, grubenv] = threeChanges()
  if (grubenv === undefined) throw new Error('no change')
  makeChanges(blobs, [grubenv])
  chmodSync(grubenv.path, 0o640)
  makeChanges(blobs, [grubenv])
  expect(lstatSync(grubenv.path).mode & 0o7777).toBe(0o600)
})

test('a link takes the place of a file, a file that of a link, and nothing that of both', () => {
  writeFileSync(at('halt'), 'program')
  symlinkSync('x', at('dangling'))
  const changes = [change('halt', link('solocloud')), change('dangling', file('text'))]
  makeChanges(blobs, changes)
  expect([shown('halt'), shown('dangling')]).toEqual(['-> solocloud', 'text'])
  makeChanges(blobs, [change('halt', ABSENT), change('dangling', ABSENT)])
  expect([shown('halt'), shown('dangling')]).toEqual([null, null])
  takeBack(blobs, changes)
  expect([shown('halt'), shown('dangling')]).toEqual(['program', '-> x'])
})

test('what a power cut has left half done does not hinder', () => {
  const changes = threeChanges()
  writeFileSync(at('custom.cfg.solocloud'), 'half')
  symlinkSync('x', at('init.solocloud'))
  makeChanges(blobs, changes)
  expect(state()).toEqual(AFTER)
  expect(existsSync(at('custom.cfg.solocloud'))).toBe(false)
})

test('a failure leaves what comes later, and can be taken back', () => {
  const changes = threeChanges()
  const path = join(at('missing'), 'menu.lst')
  const failing = { path, before: ABSENT, after: file('menu') }
  expect(() => makeChanges(blobs, changes.toSpliced(1, 0, failing))).toThrow('ENOENT')
  expect(state()).toEqual(['entry', 'old \xfc', '-> /lib/systemd/systemd'])
  takeBack(blobs, changes)
  expect(state()).toEqual(BEFORE)
})

test('only what is still as it was made is taken back', () => {
  const changes = threeChanges()
  makeChanges(blobs, changes)
  writeFileSync(at('grubenv'), 'by hand')
  takeBackUntouched(blobs, changes)
  expect(state()).toEqual([null, 'by hand', '-> /lib/systemd/systemd'])
})

test('bytes are kept once, readable by nobody else', () => {
  expect(file('same')).toEqual(file('same'))
  expect(readdirSync(blobs)).toHaveLength(1)
  expect(lstatSync(blobs).mode & 0o777).toBe(0o700)
  expect(capture(blobs, at('nothing'))).toEqual(ABSENT)
  mkdirSync(at('directory'))
  expect(() => capture(blobs, at('directory'))).toThrow('neither a file nor a link')
})

test('bytes that are lost are told, and nothing has changed', () => {
  const [custom] = threeChanges()
  if (custom === undefined) throw new Error('no change')
  rmSync(blobs, { recursive: true })
  expect(() => makeChanges(blobs, [custom])).toThrow('ENOENT')
  expect(state()).toEqual(BEFORE)
})
