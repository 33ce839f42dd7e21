// Looks at the old system's sshd and plans the app `ssh`. Nothing is written.
import { statSync } from 'node:fs'
import { posix } from 'node:path'
import { BuildError } from '../../image-builder/build-error.ts'
import { accountMembers, directory, textFile } from './account-members.ts'
import { lookAccounts, type Account } from './accounts.ts'
import { listening, newSshdConfig, type NewConfig } from './new-sshd-config.ts'
import { oldFiles, type OldFiles } from './old-files.ts'
import { findSshd, lookPrograms, sshManifest, type Programs } from './programs.ts'
import { SshAppError, type Member, type SshAppPlan, type SshSource } from './ssh-app-plan.ts'
import { allOf, firstOf, readOptions, SSHD_CONFIG, type SshdOptions } from './sshd-options.ts'
import { freeGroupId, readUserDatabase } from './user-database.ts'

const BLOCK_BYTES = 4096
/** Where some sshd or other locks its unprivileged part in: empty, and root's alone. */
const EMPTY_DIRECTORIES = [
  ...['/run/sshd', '/var/empty', '/var/empty/sshd', '/usr/share/empty.sshd', '/var/lib/empty'],
]
const TERMINALS = [
  ...['linux', 'screen', 'screen-256color', 'tmux', 'tmux-256color', 'vt100', 'xterm'],
  ...['xterm-256color'],
]
const TERMINFO = ['/etc/terminfo', '/lib/terminfo', '/usr/share/terminfo']
const NSSWITCH = 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n'
const PROFILE = `# A shell in the app \`ssh\` of a node: it sees this app's files, not the node's.
PS1='\\u@\\h:\\w\\$ '
`
const NOBODY =
  'no account can log in to the node by key: put your public key into the ~/.ssh/authorized_keys of root or of ' +
  'an account with sudo, or choose another way in with --no-ssh'
const NO_ADMINISTRATOR =
  'no account that can log in by key may manage the node: put your public key into the ' +
  '~/.ssh/authorized_keys of root or of an account with sudo, or choose another way in with --no-ssh'

/** What can't be taken along, by keyword, where it is set. */
const LEFT_BEHIND: readonly [key: string, sentence: string][] = [
  ['authorizedkeyscommand', 'keys from AuthorizedKeysCommand are not known to the node'],
  ['trustedusercakeys', 'certificates by TrustedUserCAKeys do not let in to the node'],
  ['authenticationmethods', 'a key alone lets in to the node, whatever AuthenticationMethods says'],
]

/** Never throws: what is missing is among the problems. */
export function lookSshApp(source: SshSource): SshAppPlan {
  try {
    return plan(source)
  } catch (error) {
    if (!(error instanceof SshAppError || error instanceof BuildError)) throw error
    return { ...NOTHING, problems: [error.message] }
  }
}

const NOTHING: SshAppPlan = {
  ...{ ports: [], hostKeys: [], programs: [], accounts: [], members: [] },
  ...{ group: 0, bytes: 0, warnings: [], problems: [] },
}

function plan(source: SshSource): SshAppPlan {
  const files = oldFiles(source.root)
  const database = readUserDatabase(files)
  const sshd = findSshd(files) ?? lookPrograms(files, []).sshd
  const options = readOptions(files, source, sshd)
  const found = lookAccounts({ files, source, database, sshd, options })
  const programs = lookPrograms(
    files,
    found.accounts.map(({ shell }) => shell),
  )
  const group = freeGroupId(database)
  const accounts = found.accounts.map((account) => ({
    ...account,
    shell: shellOf(account, programs),
  }))
  const hostKeys = allOf(options, 'hostkey').filter((path) => files.find(path)?.stats.isFile())
  const where = listening(options, source.connection)
  const root = accounts.some(({ uid }) => uid === 0)
  const config = checkedConfig(source, sshd, {
    ...{ options, listening: where, hostKeys, root, algorithms: true },
  })
  const members = inOrder([
    ...accountMembers({ database, accounts, group }),
    ...programMembers(files, programs),
    ...keyMembers(files, hostKeys, options),
    textFile(SSHD_CONFIG, config.text),
    textFile('/image.json', manifestText(programs)),
  ])
  const sizes = members.map((member) => bytesOf(member))
  return {
    ports: where.ports,
    ...{ hostKeys, group, members },
    programs: programs.names,
    accounts: accounts.map(({ name, uid, gid, home, shell, administrator, keys }) => ({
      ...{ name, uid, gid, home, shell, administrator, keys },
    })),
    bytes: sizes.reduce((sum, bytes) => sum + Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES, 0),
    warnings: [
      ...found.warnings,
      ...where.warnings,
      ...config.warnings,
      ...leftBehind(files, options),
      ...shellWarnings(found.accounts, programs),
    ],
    problems: [...problems(accounts, hostKeys), ...config.problems],
  }
}

const bytesOf = (member: Member): number =>
  member.kind === 'copy' ? member.bytes : member.kind === 'text' ? member.text.length : BLOCK_BYTES

function problems(accounts: readonly Account[], hostKeys: readonly string[]): string[] {
  const noKey = `there is no host key in /etc/ssh: make them with \`ssh-keygen -A\`, and try again`
  const nobody = accounts.length === 0 ? [NOBODY] : []
  const none = accounts.some(({ administrator }) => administrator) ? [] : [NO_ADMINISTRATOR]
  return [...(hostKeys.length === 0 ? [noKey] : []), ...(nobody.length > 0 ? nobody : none)]
}

const shellOf = ({ shell }: Account, { files, links, shell: ours }: Programs): string =>
  files.has(shell) || links.has(shell) ? shell : ours

function shellWarnings(accounts: readonly Account[], programs: Programs): string[] {
  const others = accounts.filter((account) => shellOf(account, programs) !== account.shell)
  return others.map(({ name, shell }) => `${name} gets ${programs.shell}: there is no ${shell}`)
}

function leftBehind(files: OldFiles, options: SshdOptions): string[] {
  const set = LEFT_BEHIND.filter(([key]) => {
    const [word = 'none'] = firstOf(options, key)
    return word !== 'none' && word !== 'any'
  })
  const denies = /^\s*[^#\s]/m.test(files.text('/etc/hosts.deny') ?? '')
  const wrappers = denies ? ['/etc/hosts.deny does not count on the node'] : []
  return [...set.map(([, sentence]) => sentence), ...wrappers]
}

/** Its standard input becomes a pipe, which can be opened by name; ours may be a socket, which can't. */
const PIPED = 'cat | "$0" "$@"'

/** While nobody is logged in, a socket-activated sshd has no place for its own part, and says nothing else. */
const UNTOLD = /Missing privilege separation directory/

interface CheckedConfig {
  text: string
  warnings: string[]
  problems: string[]
}

/** By the sshd that will read it; where that is refused, without the algorithms. */
function checkedConfig({ run }: SshSource, sshd: string, config: NewConfig): CheckedConfig {
  const text = newSshdConfig(config)
  const said = (one: string): string | null => {
    const { status, stderr } = run('sh', ['-c', PIPED, sshd, '-t', '-f', '/dev/stdin'], one)
    return status === 0 || UNTOLD.test(stderr) ? null : (stderr.trim().split('\n').at(-1) ?? '')
  }
  const refusal = said(text)
  if (refusal === null) return { text, warnings: [], problems: [] }
  const plain = newSshdConfig({ ...config, algorithms: false })
  const second = said(plain)
  if (second !== null)
    return { text, warnings: [], problems: [`sshd refuses the node's sshd_config: ${second}`] }
  const warnings = [`sshd_config's algorithms are not taken along: ${refusal}`]
  return { text: plain, warnings, problems: [] }
}

function programMembers(files: OldFiles, programs: Programs): Member[] {
  const owner = { uid: 0, gid: 0 }
  const copies = [...programs.files].map(([path, from]): Member => ({
    ...{ path, mode: 0o755, ...owner, kind: 'copy', from, bytes: statSync(from).size },
  }))
  const links = [...programs.links].map(([path, target]): Member => ({
    ...{ path, mode: 0o777, ...owner, kind: 'link', target },
  }))
  const terminals = TERMINFO.flatMap((top) => TERMINALS.map((name) => `${top}/${name[0]}/${name}`))
  return [
    ...copies,
    ...links,
    ...terminals.flatMap((path) => copyOf(files, path, 0o644)),
    ...EMPTY_DIRECTORIES.map((path) => directory(path)),
    directory('/tmp', 0o1777),
    // Who is logged in (utmp(5)): sshd complains at the end of every terminal when it is not there.
    textFile('/var/run/utmp', ''),
    textFile('/etc/nsswitch.conf', NSSWITCH),
    textFile('/etc/profile', PROFILE),
  ]
}

/** Without a certificate, whoever trusts only its authority would be asked about the key. */
function keyMembers(files: OldFiles, hostKeys: readonly string[], options: SshdOptions): Member[] {
  const certificates = allOf(options, 'hostcertificate')
  return [
    ...hostKeys.flatMap((path) => copyOf(files, path, 0o600)),
    ...hostKeys.flatMap((path) => copyOf(files, `${path}.pub`, 0o644)),
    ...certificates.flatMap((path) => copyOf(files, path, 0o644)),
  ]
}

function copyOf(files: OldFiles, path: string, mode: number): Member[] {
  const found = files.find(path)
  if (found?.stats.isFile() !== true) return []
  const from = files.root.hostPath(found.path)
  return [{ path, mode, uid: 0, gid: 0, kind: 'copy', from, bytes: found.stats.size }]
}

/** Only what image.json may say, so without the defaults. */
function manifestText({ sshd, architecture }: Programs): string {
  const { name, management, config } = sshManifest(sshd, architecture)
  const fields = { name, architecture, management, config: { Entrypoint: config.Entrypoint } }
  return `${JSON.stringify(fields, null, 2)}\n`
}

/** Sorted, each path once (the first one counts), with the directories above. */
function inOrder(members: readonly Member[]): Member[] {
  const byPath = new Map<string, Member>()
  for (const member of members) if (!byPath.has(member.path)) byPath.set(member.path, member)
  for (const { path } of members)
    for (let at = posix.dirname(path); at !== '/'; at = posix.dirname(at))
      if (!byPath.has(at)) byPath.set(at, directory(at))
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}
