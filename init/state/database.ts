// Opens the database's file, or puts it aside when it can't be used.
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { prepareSchema, type StateSchema } from './schema.ts'

export interface Database {
  db: DatabaseSync
  /** Who wrote it; null when it has not been filled yet. */
  written: StateSchema | null
}

/** Databases that were put aside and are kept for whoever wants to look. */
const ASIDE_MAX = 3

class DamagedDatabase extends Error {}

/** `path` may be ':memory:'. Throws NewerStateError, SQLite's errors, or what its check has found. */
export function openDatabase(path: string): Database {
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: true })
  try {
    // FULL: a commit is on disk when it returns. EXCLUSIVE: no shared memory file beside the database.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    const check = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
    if (check !== 'ok') throw new DamagedDatabase(String(check))
    return { db, written: prepareSchema(db) }
  } catch (error) {
    db.close()
    throw error
  }
}

/**
 * Renames whatever is at `path` to `<path>.corrupt-<time>` and returns that; null when nothing is there.
 * The database goes first: SQLite deletes a write-ahead log without a database, but a database without its
 * log is an old one. Throws Node's fs errors.
 */
export function putAside(path: string, nowMs: number): string | null {
  if (!existsSync(path)) return null
  const aside = `${path}.corrupt-${new Date(nowMs).toISOString().replaceAll(':', '')}`
  renameSync(path, aside)
  for (const suffix of ['-wal', '-shm', '-journal'])
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  return aside
}

/** Deletes the oldest of what `putAside` has made: the names end in their time. Throws Node's fs errors. */
export function pruneAsides(path: string): void {
  const [directory, prefix] = [dirname(path), `${basename(path)}.corrupt-`]
  const names = readdirSync(directory).filter((name) => name.startsWith(prefix))
  const kept = names
    .filter((name) => /Z$/.test(name))
    .sort()
    .slice(-ASIDE_MAX)
  for (const name of names) {
    if (!kept.some((one) => name.startsWith(one)))
      rmSync(join(directory, name), { recursive: true, force: true })
  }
}
