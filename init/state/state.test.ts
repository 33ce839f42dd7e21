import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openState, type Generation } from './state.ts'

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'state-'))
  path = join(dir, 'lib', 'state.db')
})
afterEach(() => rmSync(dir, { recursive: true }))

const generation = (number: number): Generation => ({
  number,
  digest: `sha256:${number}`,
  manifest: `{"version":"${number}"}`,
})

test('what was put is there after reopening', () => {
  const first = openState(path, 0)
  expect(first).toMatchObject({ created: true, corrupt: null })
  const app = { name: 'foo', current: generation(2), previous: generation(1) }
  first.state.putApp({ name: 'bar', current: generation(1), previous: null })
  first.state.putApp(app)
  first.state.putSetting('hostname', 'n1')
  first.state.putSetting('gone', 'x')
  first.state.putSetting('gone', null)
  first.state.close()
  const { state, created } = openState(path, 0)
  expect(created).toBe(false)
  expect(state.apps()).toEqual([{ name: 'bar', current: generation(1), previous: null }, app])
  expect([state.setting('hostname'), state.setting('gone')]).toEqual(['n1', null])
  state.close()
})

test('a commit is in the files before the call returns: a copy taken then has it', () => {
  const { state } = openState(path, 0)
  state.putApp({ name: 'foo', current: generation(1), previous: null })
  const copy = join(dir, 'copy.db')
  for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix)
  const { state: after } = openState(copy, 0)
  expect(after.apps()).toHaveLength(1)
  after.close()
  state.close()
})

test('generations that are neither current nor previous are forgotten', () => {
  const { state } = openState(path, 0)
  state.putApp({ name: 'foo', current: generation(2), previous: generation(1) })
  state.putApp({ name: 'foo', current: generation(3), previous: generation(2) })
  expect(state.apps()[0]).toMatchObject({ current: { number: 3 }, previous: { number: 2 } })
  state.putApp({ name: 'foo', current: generation(3), previous: generation(1) })
  state.deleteApp('foo')
  expect(state.apps()).toEqual([])
  state.close()
  const db = new DatabaseSync(path)
  expect(db.prepare('SELECT count(*) AS n FROM generation').get()).toMatchObject({ n: 0 })
  db.close()
})

test.each([
  ['not a database', Buffer.from('x'.repeat(5000))],
  ['cut short', null],
])('a damaged database (%s) is put aside and an empty one takes its place', (_, bytes) => {
  const first = openState(path, 0).state
  for (let i = 0; i < 200; i++)
    first.putApp({ name: `app-${i}`, current: generation(i), previous: null })
  first.close()
  const half = new Uint8Array(Math.floor(statSync(path).size / 2))
  writeFileSync(path, bytes ?? half)
  const { state, created, corrupt } = openState(path, Date.UTC(2030, 0, 2))
  expect({ created, corrupt }).toEqual({
    created: true,
    corrupt: `${path}.corrupt-2030-01-02T000000.000Z`,
  })
  expect(state.apps()).toEqual([])
  state.putApp({ name: 'foo', current: generation(1), previous: null })
  state.close()
  expect(readdirSync(join(dir, 'lib')).sort()).toContain('state.db.corrupt-2030-01-02T000000.000Z')
})

test('a damaged page inside is found when opening', () => {
  const first = openState(path, 0).state
  for (let i = 0; i < 500; i++)
    first.putApp({ name: `app-${i}`, current: generation(i), previous: null })
  first.close()
  const bytes = new Uint8Array(statSync(path).size)
  const db = new DatabaseSync(path)
  const pageBytes = Number(db.prepare('PRAGMA page_size').get()?.['page_size'])
  db.close()
  bytes.set(Buffer.from(readFileSync(path)))
  bytes.fill(0x5a, pageBytes * 3, pageBytes * 5)
  writeFileSync(path, bytes)
  const opened = openState(path, 0)
  expect(opened.corrupt).not.toBeNull()
  opened.state.close()
})

test('a database of a newer version is refused, not put aside', () => {
  openState(path, 0).state.close()
  const db = new DatabaseSync(path)
  db.exec('PRAGMA user_version = 99')
  db.close()
  expect(() => openState(path, 0)).toThrow('newer version (99)')
  expect(readdirSync(join(dir, 'lib')).filter((name) => name.includes('corrupt'))).toEqual([])
})
