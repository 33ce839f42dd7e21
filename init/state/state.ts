// What the operator asked for, on disk: apps with their generations, and settings. Synchronous: when a
// call returns, it has been fsynced, so that it may be acknowledged.
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** One unpacked image. */
export interface Generation {
  number: number
  /** `sha256:hex` of the uncompressed tar. */
  digest: string
  /** image.json as the unpacker checked it, as JSON. */
  manifest: string
}

/** An app that is to run. `current` is what runs, `previous` what `rollback` goes back to. */
export interface AppRecord {
  name: string
  current: Generation
  previous: Generation | null
}

export interface State {
  /** In the order of their names. */
  apps(): AppRecord[]
  putApp(app: AppRecord): void
  deleteApp(name: string): void
  setting(key: string): string | null
  /** null removes it. */
  putSetting(key: string, value: string | null): void
  close(): void
}

export interface OpenedState {
  state: State
  /** True when there was no database: the first boot, or its file is lost. */
  created: boolean
  /** Where a database that could not be read was put aside, or null. */
  corrupt: string | null
}

const SCHEMA_VERSION = 1
const SCHEMA = `
  CREATE TABLE app (
    name TEXT PRIMARY KEY,
    current INTEGER NOT NULL,
    previous INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE generation (
    app TEXT NOT NULL REFERENCES app (name) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    digest TEXT NOT NULL,
    manifest TEXT NOT NULL,
    PRIMARY KEY (app, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};
`

/** SQLite's primary result codes (sqlite.org/rescode.html) for a file that is damaged or no database. */
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

class DamagedDatabase extends Error {}

/**
 * Opens or makes the database. A damaged one is put aside as `<path>.corrupt-<time>` and an empty one takes
 * its place; any other failure (a full or read-only disk, a newer schema) throws.
 */
export function openState(path: string, nowMs: number): OpenedState {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const created = !existsSync(path)
  try {
    return { state: createState(openDatabase(path)), created, corrupt: null }
  } catch (error) {
    if (!isDamage(error)) throw error
    const corrupt = putAside(path, nowMs)
    return { state: createState(openDatabase(path)), created: true, corrupt }
  }
}

function isDamage(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode
  if (code === undefined) return error instanceof DamagedDatabase
  return (code & 0xff) === SQLITE_CORRUPT || (code & 0xff) === SQLITE_NOTADB
}

function putAside(path: string, nowMs: number): string {
  const aside = `${path}.corrupt-${new Date(nowMs).toISOString().replaceAll(':', '')}`
  for (const suffix of ['-wal', '-shm', '-journal'])
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  renameSync(path, aside)
  return aside
}

function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: true })
  try {
    // FULL: a commit is on disk when it returns. EXCLUSIVE: no shared memory file beside the database.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    const check = db.prepare('PRAGMA quick_check(1)').get()
    if (check?.['quick_check'] !== 'ok') throw new DamagedDatabase(String(check?.['quick_check']))
    migrate(db, Number(db.prepare('PRAGMA user_version').get()?.['user_version']))
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function migrate(db: DatabaseSync, version: number): void {
  if (version > SCHEMA_VERSION)
    throw new Error(`the state database is of a newer version (${version}) than this init`)
  if (version === 0) db.exec(`BEGIN; ${SCHEMA} COMMIT`)
}

interface AppRow {
  name: string
  current: number
  previous: number | null
}

function createState(db: DatabaseSync): State {
  const selectApps = db.prepare('SELECT name, current, previous FROM app ORDER BY name')
  const selectGeneration = db.prepare(
    'SELECT number, digest, manifest FROM generation WHERE app = ? AND number = ?',
  )
  const upsertApp = db.prepare(
    `INSERT INTO app VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET current = excluded.current, previous = excluded.previous`,
  )
  const upsertGeneration = db.prepare('INSERT OR REPLACE INTO generation VALUES (?, ?, ?, ?)')
  const pruneGenerations = db.prepare(
    'DELETE FROM generation WHERE app = ? AND number <> ? AND number <> ?',
  )
  const deleteApp = db.prepare('DELETE FROM app WHERE name = ?')
  const selectSetting = db.prepare('SELECT value FROM setting WHERE key = ?')
  const upsertSetting = db.prepare('INSERT OR REPLACE INTO setting VALUES (?, ?)')
  const deleteSetting = db.prepare('DELETE FROM setting WHERE key = ?')

  const generation = (app: string, number: number): Generation | null =>
    (selectGeneration.get(app, number) as Generation | undefined) ?? null

  return {
    apps: () =>
      (selectApps.all() as unknown as AppRow[]).flatMap(({ name, current, previous }) => {
        const running = generation(name, current)
        if (running === null) return []
        const before = previous === null ? null : generation(name, previous)
        return [{ name, current: running, previous: before }]
      }),
    putApp: ({ name, current, previous }) =>
      transaction(db, () => {
        upsertApp.run(name, current.number, previous?.number ?? null)
        for (const { number, digest, manifest } of previous ? [current, previous] : [current])
          upsertGeneration.run(name, number, digest, manifest)
        pruneGenerations.run(name, current.number, previous?.number ?? current.number)
      }),
    deleteApp: (name) => void deleteApp.run(name),
    setting: (key) => (selectSetting.get(key)?.['value'] as string | undefined) ?? null,
    putSetting(key, value) {
      if (value === null) deleteSetting.run(key)
      else upsertSetting.run(key, value)
    },
    close: () => db.close(),
  }
}

function transaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    work()
    db.exec('COMMIT')
  } catch (error) {
    // SQLite may have rolled back by itself (a full disk); a second ROLLBACK would hide why.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
