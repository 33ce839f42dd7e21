// How a node came onto its machine: /var/lib/solocloud/installation/record.json, written by `install`, read
// and carried on by PID 1. A node that was not installed over anything has none.
import {
  amount,
  boolean,
  type Decoder,
  list,
  nullable,
  oneOf,
  record,
  string,
  time,
} from './decode.ts'

/** By what the old system gave way to the node's first boot. */
export type InstallMethod = 'kexec' | 'grub' | 'pygrub' | 'openvz'

/**
 * trial: the next boot, or this one, is the first; nothing is permanent. confirmed: every boot is the node's.
 * purging, purged: the old userland is being, or has been, removed. uninstalling: the next boot is the old
 * system's again.
 */
export type InstallState = 'trial' | 'confirmed' | 'purging' | 'purged' | 'uninstalling'

/** What a path is, or was; links are not followed. */
export type PathContent =
  | { kind: 'absent' }
  | { kind: 'link'; target: string }
  /** The bytes are in a file named by their sha256 (lower-case hex) beside the record. */
  | { kind: 'file'; mode: number; uid: number; gid: number; sha256: string }

/** One path of the old system's that changes; either way can be gone, again and again. */
export interface Change {
  path: string
  before: PathContent
  after: PathContent
}

export interface Installation {
  /** Of this record's form. */
  version: 1
  method: InstallMethod
  state: InstallState
  installedAt: string
  /** The file's path on this machine: /sbin/solocloud. */
  file: string
  /** How long the node waits for a confirmation after its boot; then it goes back. */
  trialMs: number
  /**
   * What starts the node once: a boot entry, /sbin/init in a container. Made by `install` as its last act;
   * the node's first act on trial is to take these back, so that any other end of the trial boots the old
   * system.
   */
  once: readonly Change[]
  /** Made when the node is confirmed: from then on it is what boots. */
  permanent: readonly Change[]
  /** Removed by an uninstall; files, links and whole directories. */
  created: readonly string[]
  purge: {
    /** As soon as it is confirmed. */
    onConfirm: boolean
    /** Paths that a purge leaves, with all below them, beside what it always leaves. */
    keep: readonly string[]
  }
}

const absolute: Decoder<string> = (value, path) => {
  const text = string(value, path)
  if (text.startsWith('/') && !text.includes('\0') && !text.split('/').includes('..')) return text
  throw new Error(`${path} must be an absolute path without "..", not "${text.slice(0, 80)}"`)
}

const sha256: Decoder<string> = (value, path) => {
  const text = string(value, path)
  if (/^[0-9a-f]{64}$/.test(text)) return text
  throw new Error(`${path} must be a sha256, not "${text.slice(0, 80)}"`)
}

const pathContent: Decoder<PathContent> = (value, path) => {
  const { kind } = record<{ kind: PathContent['kind'] }>({
    kind: oneOf('absent', 'link', 'file'),
  })(value, path)
  switch (kind) {
    case 'absent':
      return { kind }
    case 'link':
      return { kind, ...record<{ target: string }>({ target: string })(value, path) }
    case 'file': {
      const fields = { mode: amount, uid: amount, gid: amount, sha256 }
      return { kind, ...record<Omit<PathContent & { kind: 'file' }, 'kind'>>(fields)(value, path) }
    }
  }
}

const change = record<Change>({ path: absolute, before: pathContent, after: pathContent })

const versionOne: Decoder<1> = (value, path) => {
  if (value === 1) return 1
  throw new Error(`${path} must be 1: the record is of another version of solocloud`)
}

/** Throws an Error that names the field. */
export const installation: Decoder<Installation> = record<Installation>({
  version: versionOne,
  method: oneOf('kexec', 'grub', 'pygrub', 'openvz'),
  state: oneOf('trial', 'confirmed', 'purging', 'purged', 'uninstalling'),
  installedAt: time,
  file: absolute,
  trialMs: amount,
  once: list(change),
  permanent: list(change),
  created: list(absolute),
  purge: record<Installation['purge']>({ onConfirm: boolean, keep: list(absolute) }),
})

/** In GET /v1/node; null on a node that was not installed over anything. */
export interface InstallationStatus {
  method: InstallMethod
  state: InstallState
  /** When an unconfirmed node goes back; null when it is confirmed. */
  trialEndsAt: string | null
}

export const installationStatus: Decoder<InstallationStatus> = record<InstallationStatus>({
  method: oneOf('kexec', 'grub', 'pygrub', 'openvz'),
  state: oneOf('trial', 'confirmed', 'purging', 'purged', 'uninstalling'),
  trialEndsAt: nullable(time),
})
