// What the operator asked for, on disk: apps with their generations, and settings. Synchronous: when a
// call returns, it has been fsynced, so that it may be acknowledged.
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { openDatabase, pruneAsides, putAside, type Database } from './database.ts'
import { markFilled, NewerStateError } from './schema.ts'
import {
  readSettingsCopy,
  sameSettings,
  writeSettingsCopy,
  type SettingsMap,
} from './settings-copy.ts'

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
  /** Makes a new database complete, with these apps; until then every life opens it as `created`. */
  fill(apps: readonly AppRecord[]): void
  setting(key: string): string | null
  /** null removes it. */
  putSetting(key: string, value: string | null): void
  close(): void
}

export interface OpenedState {
  state: State
  /** The first boot, or what was there is lost: the apps are what /chroots holds, for `fill`. */
  created: boolean
  /** What is wrong, one sentence each, for the log and for `cloud node`. */
  problems: string[]
}

/** Beside the database. */
const SETTINGS_COPY = 'settings.json'

/**
 * Opens or makes the database. One that can't be used is put aside, and a new one takes its place: in
 * memory if it has to be, where what is asked for lasts as long as what /chroots tells of it.
 * Throws NewerStateError and nothing else.
 */
export function openState(path: string, nowMs: number): OpenedState {
  const problems: string[] = []
  const attempt = <T>(what: string, act: () => T): T | null => {
    try {
      return act()
    } catch (error) {
      if (error instanceof NewerStateError) throw error
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
      return null
    }
  }
  const copy = join(dirname(path), SETTINGS_COPY)
  let database = attempt('the state database could not be used', () => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    return openDatabase(path)
  })
  if (database === null) {
    const aside = attempt('it stays where it is', () => putAside(path, nowMs))
    if (aside !== null) problems.push(`it was put aside as ${aside}`)
    database = attempt('no new one can be made', () => openDatabase(path))
    attempt('older ones that were put aside stay', () => pruneAsides(path))
  }
  if (database === null) {
    problems.push('the state is kept in memory only until the next start')
    database = openDatabase(':memory:')
  }
  const { db, written } = database
  attempt('the settings and their copy differ', () => settle({ db, written }, copy))
  return { state: createState(db, copy), created: written === null, problems }
}

/** A new database takes its settings from their copy; of any other the copy is kept up to date. */
function settle({ db, written }: Database, copy: string): void {
  const copied = readSettingsCopy(copy)
  const settings = readSettings(db)
  if (written === null && copied !== null)
    transaction(db, () => {
      const upsert = db.prepare(UPSERT_SETTING)
      for (const [key, value] of copied) upsert.run(key, value)
    })
  else if (!sameSettings(copied, settings)) writeSettingsCopy(copy, settings)
}

function readSettings(db: DatabaseSync): SettingsMap {
  const rows = db.prepare('SELECT key, value FROM setting ORDER BY key').all()
  return new Map(rows.map(({ key, value }) => [String(key), String(value)]))
}

const UPSERT_SETTING = `INSERT INTO setting (key, value) VALUES (?, ?)
  ON CONFLICT DO UPDATE SET value = excluded.value`

interface AppRow {
  name: string
  current: number
  previous: number | null
}

/** Statements name their columns: a database that a newer version wrote may have more. */
function createState(db: DatabaseSync, copy: string): State {
  const selectApps = db.prepare('SELECT name, current, previous FROM app ORDER BY name')
  const selectGeneration = db.prepare(
    'SELECT number, digest, manifest FROM generation WHERE app = ? AND number = ?',
  )
  const upsertApp = db.prepare(
    `INSERT INTO app (name, current, previous) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET current = excluded.current, previous = excluded.previous`,
  )
  const upsertGeneration = db.prepare(
    `INSERT INTO generation (app, number, digest, manifest) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET digest = excluded.digest, manifest = excluded.manifest`,
  )
  const pruneGenerations = db.prepare(
    'DELETE FROM generation WHERE app = ? AND number <> ? AND number <> ?',
  )
  const deleteApp = db.prepare('DELETE FROM app WHERE name = ?')
  const selectSetting = db.prepare('SELECT value FROM setting WHERE key = ?')
  const upsertSetting = db.prepare(UPSERT_SETTING)
  const deleteSetting = db.prepare('DELETE FROM setting WHERE key = ?')

  const generation = (app: string, number: number): Generation | null =>
    (selectGeneration.get(app, number) as Generation | undefined) ?? null

  const put = ({ name, current, previous }: AppRecord): void => {
    upsertApp.run(name, current.number, previous?.number ?? null)
    for (const { number, digest, manifest } of previous ? [current, previous] : [current])
      upsertGeneration.run(name, number, digest, manifest)
    pruneGenerations.run(name, current.number, previous?.number ?? current.number)
  }

  return {
    apps: () =>
      (selectApps.all() as unknown as AppRow[]).flatMap(({ name, current, previous }) => {
        const running = generation(name, current)
        if (running === null) return []
        const before = previous === null ? null : generation(name, previous)
        return [{ name, current: running, previous: before }]
      }),
    putApp: (app) => transaction(db, () => put(app)),
    deleteApp: (name) => void deleteApp.run(name),
    fill: (apps) =>
      transaction(db, () => {
        db.exec('DELETE FROM app')
        for (const app of apps) put(app)
        markFilled(db)
      }),
    setting: (key) => (selectSetting.get(key)?.['value'] as string | undefined) ?? null,
    putSetting: (key, value) =>
      transaction(db, () => {
        if (value === null) deleteSetting.run(key)
        else upsertSetting.run(key, value)
        // Before the commit: when this fails, nothing has changed, and a copy ahead of a failed commit
        // is put right at the next start.
        writeSettingsCopy(copy, readSettings(db))
      }),
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
