// Which accounts of the old system come along: those that a key lets in now, to a shell of their own.
import { posix } from 'node:path'
import { readAuthorizedKeys } from './authorized-keys.ts'
import { matches, type OldFiles } from './old-files.ts'
import type { SshSource } from './ssh-app-plan.ts'
import { allOf, firstOf, hasMatchBlocks, optionsFor, type SshdOptions } from './sshd-options.ts'
import { administrators } from './sudoers.ts'
import { groupsOf, type Group, type User, type UserDatabase } from './user-database.ts'

/** An account before its shell is looked for. */
export interface Account extends User {
  administrator: boolean
  keys: string[]
  /** Its authorized_keys, where sshd looks for them. */
  keyFiles: { path: string; text: string }[]
  groups: Group[]
}

export interface Accounts {
  accounts: Account[]
  /** One sentence for each account with keys that stays behind. */
  warnings: string[]
}

export interface AccountSource {
  files: OldFiles
  source: SshSource
  database: UserDatabase
  sshd: string
  options: SshdOptions
}

/** Shells for people. Any other (nologin, git-shell) is there to keep its user from one. */
export const SHELLS: readonly string[] = [
  ...['sh', 'bash', 'dash', 'ash', 'busybox', 'ksh', 'ksh93', 'mksh', 'zsh', 'fish', 'tcsh', 'csh'],
]
const NO_MATCH =
  'what the Match blocks of sshd_config say of it does not count on the node; sshd did not tell it'
const DAY_MS = 86_400_000
/** The node makes what is below these itself. */
const NODE_PATHS = /^\/(dev|proc|sys|run|etc)(\/|$)/

export function lookAccounts(from: AccountSource): Accounts {
  const { files, source, database, sshd, options } = from
  const isAdministrator = administrators(files, database)
  const perAccount = hasMatchBlocks(files)
  const found: Accounts = { accounts: [], warnings: [] }
  for (const user of database.users) {
    // Only who has keys is worth a question to sshd.
    if (keyFilesOf(files, options, user).length === 0 && !perAccount) continue
    const own = perAccount && mayHaveKeys(files, user) ? optionsFor(user.name, source, sshd) : null
    const effective = own ?? options
    const keyFiles = keyFilesOf(files, effective, user)
    if (keyFiles.length === 0) continue
    const groups = groupsOf(database, user)
    const lines = keyFiles.map(({ text }) => readAuthorizedKeys(text, source.nowMs))
    const keys = lines.flatMap(({ free }) => free)
    const restricted = lines.reduce((sum, line) => sum + line.restricted, 0)
    if (keys.length === 0 && restricted === 0) continue
    const why = whyNot({ user, groups, options: effective, nowMs: source.nowMs, keys })
    if (why === null) {
      const administrator = isAdministrator(user)
      found.accounts.push({ ...user, administrator, keys, keyFiles, groups })
      if (perAccount && own === null) found.warnings.push(`${user.name}: ${NO_MATCH}`)
    } else found.warnings.push(`${user.name} can't log in to the node: ${why}`)
  }
  return found
}

interface Candidate {
  user: User
  groups: readonly Group[]
  options: SshdOptions
  nowMs: number
  keys: readonly string[]
}

/** A sentence's end; null when it may log in. */
function whyNot({ user, groups, options, nowMs, keys }: Candidate): string | null {
  const shell = posix.basename(user.shell)
  if (keys.length === 0) return 'its keys only run a command, may not forward, or have expired'
  if (!SHELLS.includes(shell)) return `its shell is ${user.shell}`
  if (user.expiresOn !== null && user.expiresOn * DAY_MS <= nowMs) return 'the account has expired'
  // With PAM, a locked password keeps no key out.
  if (user.locked && firstOf(options, 'usepam')[0] !== 'yes') return 'the account is locked'
  if (!isPlainPath(user.home)) return `its home directory is ${user.home}`
  if (user.uid === 0 && !/^(yes|prohibit-password|without-password)$/.test(rootLogin(options)))
    return `sshd_config says PermitRootLogin ${rootLogin(options)}`
  if (isRefused(user, groups, options)) return "sshd_config's AllowUsers and the like keep it out"
  return whyRestricted(options)
}

const rootLogin = (options: SshdOptions): string => firstOf(options, 'permitrootlogin')[0] ?? 'yes'

const isPlainPath = (path: string): boolean =>
  posix.normalize(path) === path && path.startsWith('/') && !NODE_PATHS.test(path)

function whyRestricted(options: SshdOptions): string | null {
  for (const [key, keyword] of [
    ['forcecommand', 'ForceCommand'],
    ['chrootdirectory', 'ChrootDirectory'],
  ] as const) {
    const [word = 'none'] = firstOf(options, key)
    if (word.toLowerCase() !== 'none') return `sshd_config has a ${keyword} for it`
  }
  const usesKeys = firstOf(options, 'pubkeyauthentication')[0] !== 'no'
  return usesKeys ? null : 'sshd_config says PubkeyAuthentication no for it'
}

/** In sshd's order: DenyUsers, AllowUsers, DenyGroups, AllowGroups. The host of USER@HOST is left to sshd. */
function isRefused({ name }: User, groups: readonly Group[], options: SshdOptions): boolean {
  const list = (key: string): string[] => allOf(options, key)
  const user = (patterns: readonly string[]) => isListed([name], patterns.map(withoutHost))
  const group = (patterns: readonly string[]) =>
    isListed(
      groups.map((one) => one.name),
      patterns,
    )
  const [allowUsers, allowGroups] = [list('allowusers'), list('allowgroups')]
  return (
    user(list('denyusers').filter((pattern) => !pattern.includes('@'))) ||
    (allowUsers.length > 0 && !user(allowUsers)) ||
    group(list('denygroups')) ||
    (allowGroups.length > 0 && !group(allowGroups))
  )
}

const withoutHost = (pattern: string): string => pattern.replace(/(?<=.)@.*$/, '')

/** A pattern that begins with `!` and matches ends it. */
function isListed(names: readonly string[], patterns: readonly string[]): boolean {
  const hits = (pattern: string) => names.some((name) => matches(pattern, name))
  if (patterns.some((pattern) => pattern.startsWith('!') && hits(pattern.slice(1)))) return false
  return patterns.some((pattern) => !pattern.startsWith('!') && hits(pattern))
}

/** Where a Match block may say that they are elsewhere, this is a cheap guess at who is a person. */
function mayHaveKeys(files: OldFiles, user: User): boolean {
  return user.uid === 0 || files.find(user.home) !== null
}

function keyFilesOf(files: OldFiles, options: SshdOptions, user: User): Account['keyFiles'] {
  const patterns = firstOf(options, 'authorizedkeysfile').filter((word) => word !== 'none')
  const paths = new Set(patterns.map((pattern) => keyFile(pattern, user)))
  return [...paths].flatMap((path) => {
    const text = files.text(path)
    return text === null || text.trim() === '' ? [] : [{ path, text }]
  })
}

/** The tokens of AuthorizedKeysFile (sshd_config(5)); a relative one is below the home directory. */
function keyFile(pattern: string, { name, uid, home }: User): string {
  const tokens: Readonly<Record<string, string>> = {
    '%%': '%',
    '%h': home,
    '%u': name,
    '%U': `${uid}`,
  }
  const expanded = pattern.replace(/%[%huU]/g, (token) => tokens[token] ?? token)
  return posix.resolve(home, expanded)
}
