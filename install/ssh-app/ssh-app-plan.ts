// The app `ssh` before it is made: what it will hold, as data. Paths are absolute; in `from` they are the old
// system's, everywhere else the app's.

export interface SshAccount {
  name: string
  uid: number
  gid: number
  home: string
  shell: string
  /** May manage the node: root, or in the group that `SshAppPlan.group` is. */
  administrator: boolean
  /** The keys that open a shell: lines of its authorized_keys. */
  keys: string[]
}

/** One path of the app's root. Text has one character a byte. */
export type Member = Access &
  (
    | { kind: 'directory' }
    | { kind: 'link'; target: string }
    | { kind: 'text'; text: string }
    | { kind: 'copy'; from: string; bytes: number }
  )

export interface Access {
  path: string
  mode: number
  uid: number
  gid: number
}

export interface SshAppPlan {
  ports: number[]
  /** Paths of the private ones. */
  hostKeys: string[]
  /** The sshd, what it runs, shells and tools. */
  programs: string[]
  accounts: SshAccount[]
  /** For the node's setting `solocloud.group`. */
  group: number
  /** On disk, about. */
  bytes: number
  /** Sentences: what will not be as before. */
  warnings: string[]
  /** Sentences, each of which says what to do: with any of them there can be no app. */
  problems: string[]
  members: Member[]
}

export interface Ran {
  /** null: it could not be run, or did not end. */
  status: number | null
  stdout: string
  stderr: string
}

/** Runs a program of the old system to its end. Never throws. */
export type Run = (file: string, words: readonly string[], input?: string) => Ran

export interface SshSource {
  /** Where the old system's root is: '/', but in tests. */
  root: string
  run: Run
  /** SSH_CONNECTION of who installs: `client port server port`; null when nobody came by ssh. */
  connection: string | null
  /** For keys and accounts that end at a time. */
  nowMs: number
}

/** A problem found while looking, and its sentence. */
export class SshAppError extends Error {
  override readonly name = 'SshAppError'
}
