import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { NewerStateError } from './schema.ts'
import { openState, type Generation, type OpenedState } from './state.ts'

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
  expect(first).toMatchObject({ created: true, problems: [] })
  first.state.fill([])
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

const AT = Date.UTC(2030, 0, 2)
const ASIDE = 'state.db.corrupt-2030-01-02T000000.000Z'
const names = (): string[] => readdirSync(join(dir, 'lib')).sort()

/** A database of many pages, with settings. */
function fillDatabase(): void {
  const { state } = openState(path, 0)
  const apps = Array.from({ length: 500 }, (_, i) => `app-${i}`)
  state.fill(apps.map((name, i) => ({ name, current: generation(i), previous: null })))
  state.putSetting('solocloud.hostname', 'n1')
  state.putSetting('solocloud.dns', '192.0.2.1')
  state.close()
}

/** The node goes on: the settings are there, and what is put is found again. */
function expectUsable({ state, created }: OpenedState): void {
  expect([created, state.apps()]).toEqual([true, []])
  expect([state.setting('solocloud.hostname'), state.setting('solocloud.dns')]).toEqual([
    'n1',
    '192.0.2.1',
  ])
  state.fill([{ name: 'foo', current: generation(1), previous: null }])
  expect(state.apps()).toHaveLength(1)
  state.close()
}

test('a database that was never filled counts as none, whatever was put', () => {
  const first = openState(path, 0).state
  first.putSetting('solocloud.hostname', 'n1')
  first.close()
  const { state, created } = openState(path, 0)
  expect([created, state.setting('solocloud.hostname')]).toEqual([true, 'n1'])
  state.fill([])
  state.close()
  const last = openState(path, 0)
  expect(last.created).toBe(false)
  last.state.close()
})

test.each<[string, () => void]>([
  ['no database', () => writeFileSync(path, 'x'.repeat(5000))],
  ['zeros', () => writeFileSync(path, new Uint8Array(Math.floor(statSync(path).size / 2)))],
  ['cut short', () => truncateSync(path, Math.floor(statSync(path).size / 2))],
  ['a damaged page inside', () => damagePage(3)],
  [
    'a directory in its place',
    () => {
      rmSync(path)
      mkdirSync(path)
      writeFileSync(join(path, 'file'), '')
    },
  ],
])('%s: it is put aside and told, and a new one takes its place', (_, damage) => {
  fillDatabase()
  damage()
  const opened = openState(path, AT)
  expect(opened.problems).toEqual([
    expect.stringContaining('the state database could not be used: '),
    `it was put aside as ${join(dir, 'lib', ASIDE)}`,
  ])
  expectUsable(opened)
  expect(names()).toEqual(['settings.json', 'state.db', ASIDE])
  const { state, created, problems } = openState(path, AT)
  expect([created, problems, state.apps().length]).toEqual([false, [], 1])
  state.close()
})

function damagePage(number: number): void {
  const db = new DatabaseSync(path)
  const pageBytes = Number(db.prepare('PRAGMA page_size').get()?.['page_size'])
  db.close()
  const bytes = readFileSync(path)
  bytes.fill(0x5a, pageBytes * number, pageBytes * (number + 2))
  writeFileSync(path, bytes)
}

test('where no file can be made, the state is in memory, and the settings are their copy', () => {
  fillDatabase()
  const copy = readFileSync(join(dir, 'lib/settings.json'))
  // What takes every new name in this place; root's writes no permission stops.
  rmSync(path)
  symlinkSync(join(dir, 'nowhere/state.db'), path)
  const opened = openState(path, AT)
  expect(opened.problems.at(-1)).toBe('the state is kept in memory only until the next start')
  expectUsable(opened)
  expect(readFileSync(join(dir, 'lib/settings.json'))).toEqual(copy)
})

test('a file in the place of the directory: everything is in memory', () => {
  writeFileSync(join(dir, 'lib'), '')
  const { state, created, problems } = openState(path, AT)
  expect([created, problems.length]).toEqual([true, 4])
  state.fill([{ name: 'foo', current: generation(1), previous: null }])
  expect(state.apps()).toHaveLength(1)
  expect(() => state.putSetting('solocloud.hostname', 'n1')).toThrow('ENOTDIR')
  expect(state.setting('solocloud.hostname')).toBeNull()
  state.close()
})

test('of what was put aside, the last three are kept', () => {
  for (let day = 1; day <= 5; day++) {
    rmSync(path, { force: true })
    mkdirSync(path, { recursive: true })
    writeFileSync(`${path}-wal`, 'x')
    openState(path, Date.UTC(2030, 0, day)).state.close()
  }
  const days = [3, 4, 5].map((day) => `state.db.corrupt-2030-01-0${day}T000000.000Z`)
  expect(names()).toEqual(['state.db', ...days.flatMap((name) => [name, `${name}-wal`])])
})

test('a copy of the settings that is missing, damaged or old is made anew', () => {
  fillDatabase()
  const copy = join(dir, 'lib/settings.json')
  const expected = readFileSync(copy, 'utf8')
  for (const wrong of [null, '', '[1]', '{"solocloud.hostname":"old"}']) {
    if (wrong === null) rmSync(copy)
    else writeFileSync(copy, wrong)
    const { state, problems } = openState(path, 0)
    expect([state.setting('solocloud.hostname'), problems]).toEqual(['n1', []])
    state.close()
    expect(readFileSync(copy, 'utf8')).toBe(expected)
  }
})

/** As a version to come would leave it. */
function writtenBy(version: number, readableBy: number): void {
  fillDatabase()
  const db = new DatabaseSync(path)
  db.exec(`
    ALTER TABLE app ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';
    ALTER TABLE generation ADD COLUMN size INTEGER;
    ALTER TABLE setting ADD COLUMN by TEXT;
    PRAGMA user_version = ${version};
    PRAGMA application_id = ${readableBy}`)
  db.close()
}

test('a database of a newer version that says we can use it is used, and keeps what we do not know', () => {
  writtenBy(7, 1)
  const { state, created } = openState(path, 0)
  expect([created, state.apps().length]).toEqual([false, 500])
  state.putApp({ name: 'app-1', current: generation(9), previous: null })
  state.putSetting('solocloud.dns', null)
  state.close()
  const db = new DatabaseSync(path)
  expect({ ...db.prepare('SELECT * FROM app WHERE name = ?').get('app-1') }).toEqual({
    ...{ name: 'app-1', current: 9, previous: null, colour: 'red' },
  })
  expect(db.prepare('PRAGMA user_version').get()).toMatchObject({ user_version: 7 })
  db.close()
})

test.each([
  [2, 2],
  [99, 0],
])('a database of version %i for %i and later is refused and left alone', (version, readableBy) => {
  writtenBy(version, readableBy)
  const before = readFileSync(path)
  expect(() => openState(path, 0)).toThrow(NewerStateError)
  expect(() => openState(path, 0)).toThrow(`newer version (${version})`)
  expect(readFileSync(path)).toEqual(before)
  expect(names()).toEqual(['settings.json', 'state.db'])
})
