// The database's schema, and which versions of this program can use which database.
import type { DatabaseSync } from 'node:sqlite'

export interface StateSchema {
  /** What this version of the program writes. */
  version: number
  /**
   * Versions of the program that know at least this schema can still use it: what came later are columns
   * with defaults and tables of their own, which older statements, as they name their columns, leave alone.
   */
  readableBy: number
}

/** Of this version of the program. An upgrade to a version whose state ours could not use is refused. */
export const STATE_SCHEMA: StateSchema = { version: 1, readableBy: 1 }

/** Whether a program with the schema `program` can use a database that one with `written` has written. */
export const canUse = (program: StateSchema, written: StateSchema): boolean =>
  program.version >= written.readableBy

/** The database was written by a version that ours can't follow. Its file is as it was. */
export class NewerStateError extends Error {
  override readonly name = 'NewerStateError'
  readonly written: StateSchema
  constructor(written: StateSchema) {
    const { version, readableBy } = written
    super(
      `the state database is of a newer version (${version}) and needs one that knows at least ` +
        `${readableBy}; this init knows ${STATE_SCHEMA.version}`,
    )
    this.written = written
  }
}

const TABLES = `
  CREATE TABLE IF NOT EXISTS app (
    name TEXT PRIMARY KEY,
    current INTEGER NOT NULL,
    previous INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS generation (
    app TEXT NOT NULL REFERENCES app (name) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    digest TEXT NOT NULL,
    manifest TEXT NOT NULL,
    PRIMARY KEY (app, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
`

/**
 * Makes the tables, and returns null when the database is not filled yet: `markFilled` has not been
 * committed. Otherwise returns who wrote it. Throws NewerStateError.
 */
export function prepareSchema(db: DatabaseSync): StateSchema | null {
  const written = readSchema(db)
  if (written === null) db.exec(`BEGIN; ${TABLES} COMMIT`)
  else if (!canUse(STATE_SCHEMA, written)) throw new NewerStateError(written)
  return written
}

/**
 * Both numbers are in the file's header (sqlite.org/fileformat.html, offsets 60 and 68), so that whoever
 * reads them has to know no table. They are written in the transaction that fills a new database: a power
 * cut before that leaves a database that counts as none.
 */
export function markFilled(db: DatabaseSync): void {
  const { version, readableBy } = STATE_SCHEMA
  db.exec(`PRAGMA user_version = ${version}; PRAGMA application_id = ${readableBy}`)
}

function readSchema(db: DatabaseSync): StateSchema | null {
  const number = (name: 'user_version' | 'application_id'): number =>
    Number(db.prepare(`PRAGMA ${name}`).get()?.[name])
  const version = number('user_version')
  // The first builds wrote no application_id.
  return version === 0 ? null : { version, readableBy: number('application_id') || version }
}
