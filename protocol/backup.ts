// The archive of GET /v1/node/backup: what another machine needs to be this node. It is a tar (PAX), whose
// members come in this order:
//   backup.json         BackupHead
//   settings.json       what the state database has under `setting`, as an object of strings
//   apps/NAME/1.json    {digest, manifest}: of this app's current generation, as it lies beside one
//   apps/NAME/1/...     that generation's root, as image members are, with SCHILY.xattr records
//   end.json            BackupEnd: an archive without it is cut short
// What is below apps/ belongs below /chroots/.generations, and /chroots/NAME is a link to .generations/NAME/1;
// settings.json belongs into /var/lib/solocloud. A node without a state database takes both up at its start.
// Sparse files have their zeros; sockets and devices are left out.
import {
  amount,
  type Decoder,
  list,
  nullable,
  ProtocolError,
  record,
  string,
  time,
} from './decode.ts'

export const BACKUP_HEAD = 'backup.json'
export const BACKUP_SETTINGS = 'settings.json'
export const BACKUP_APPS = 'apps'
export const BACKUP_END = 'end.json'
/** Whatever number it has had: in a restored node, each app begins anew. */
export const BACKUP_GENERATION = 1

export interface BackupHead {
  /** Of this form. */
  version: 1
  createdAt: string
  node: { version: string; hostname: string; architecture: string }
  apps: BackedUpApp[]
}

export interface BackedUpApp {
  name: string
  /** Of the image, `sha256:hex`. */
  digest: string
  version: string | null
}

export interface BackupEnd {
  /** Members, this one left out. */
  members: number
  /** Some of what is not in it though it was there: paths, and why. */
  leftOut: string[]
  leftOutCount: number
}

const versionOne: Decoder<1> = (value, path) => {
  if (value === 1) return 1
  throw new ProtocolError(`${path} must be 1: the backup is of another version of solocloud`)
}

/** Throws ProtocolError. */
export const backupHead: Decoder<BackupHead> = record<BackupHead>({
  version: versionOne,
  createdAt: time,
  node: record({ version: string, hostname: string, architecture: string }),
  apps: list(record({ name: string, digest: string, version: nullable(string) })),
})

/** Throws ProtocolError. */
export const backupEnd: Decoder<BackupEnd> = record<BackupEnd>({
  members: amount,
  leftOut: list(string),
  leftOutCount: amount,
})

/** What PID 1 asks of the process that packs, as JSON. */
export interface BackupRequest {
  head: BackupHead
  /** The text of settings.json. */
  settings: string
  /** In the order of head.apps. */
  generations: number[]
}

/** Throws ProtocolError. */
export const backupRequest: Decoder<BackupRequest> = record<BackupRequest>({
  head: backupHead,
  settings: string,
  generations: list(amount),
})
