// The app's own /etc/passwd and the like, and its accounts' home directories.
import { posix } from 'node:path'
import type { Account } from './accounts.ts'
import type { Access, Member } from './ssh-app-plan.ts'
import type { Group, User, UserDatabase } from './user-database.ts'

const ROOT: Pick<User, 'name' | 'uid' | 'gid' | 'home'> = {
  ...{ name: 'root', uid: 0, gid: 0, home: '/root' },
}
/** What sshd becomes before it knows who connects. */
const SSHD_USER = 'sshd'
/** sshd gives a terminal to this group. */
const TTY_GROUP: Group = { name: 'tty', gid: 5, members: [] }
const NO_SHELL = '/nonexistent'
/** sshd refuses a password that begins with `!`; nothing is the hash of a password that begins with `*`. */
const NO_PASSWORD = '*'

const access = (path: string, mode: number, owner = { uid: 0, gid: 0 }): Access => ({
  ...{ path, mode },
  ...{ uid: owner.uid, gid: owner.gid },
})
export const directory = (path: string, mode = 0o755, owner = { uid: 0, gid: 0 }): Member => ({
  ...access(path, mode, owner),
  kind: 'directory',
})
export const textFile = (
  path: string,
  text: string,
  mode = 0o644,
  owner = { uid: 0, gid: 0 },
): Member => ({ ...access(path, mode, owner), kind: 'text', text })

export interface AccountMembers {
  database: UserDatabase
  accounts: readonly (Account & { shell: string })[]
  /** The group of those who may manage the node. */
  group: number
}

export function accountMembers({ database, accounts, group }: AccountMembers): Member[] {
  const taken = new Set(accounts.map(({ name }) => name))
  const root = taken.has(ROOT.name) ? [] : [{ ...ROOT, shell: NO_SHELL }]
  const sshd = database.users
    .filter(({ name }) => name === SSHD_USER && !taken.has(name))
    .map((user) => ({ ...user, shell: NO_SHELL }))
  const users = [...root, ...accounts, ...sshd]
  return [
    textFile('/etc/passwd', lines(users.map(passwdLine))),
    textFile('/etc/shadow', lines(users.map(({ name }) => `${name}:${NO_PASSWORD}:::::::`)), 0o600),
    textFile('/etc/group', lines(groupsFor(database, users, accounts, group).map(groupLine))),
    ...accounts.flatMap(homeMembers),
  ]
}

type PasswdUser = Pick<User, 'name' | 'uid' | 'gid' | 'home' | 'shell'>

const passwdLine = ({ name, uid, gid, home, shell }: PasswdUser): string =>
  `${name}:x:${uid}:${gid}:${name}:${home}:${shell}`

const groupLine = ({ name, gid, members }: Group): string => `${name}:x:${gid}:${members.join(',')}`

const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('')

/** Those of the users, with only these as members, and the one for the management socket. */
function groupsFor(
  { groups }: UserDatabase,
  users: readonly PasswdUser[],
  accounts: readonly Account[],
  gid: number,
): Group[] {
  const names = new Set(users.map(({ name }) => name))
  const wanted = new Set([
    ...[0, TTY_GROUP.gid],
    ...users.map((user) => user.gid),
    ...accounts.flatMap((account) => account.groups.map((group) => group.gid)),
  ])
  const carried = groups
    .filter((group) => wanted.has(group.gid))
    .map((group) => ({ ...group, members: group.members.filter((name) => names.has(name)) }))
  const others = [{ name: 'root', gid: 0, members: [] }, TTY_GROUP].filter(
    (group) => !carried.some((one) => one.gid === group.gid || one.name === group.name),
  )
  const managers = accounts.filter(({ administrator, uid }) => administrator && uid !== 0)
  const members = managers.map(({ name }) => name)
  return [...carried, ...others, { name: managersName(carried), gid, members }]
}

const managersName = (others: readonly Group[]): string =>
  others.some(({ name }) => name === 'solocloud') ? 'solocloud-managers' : 'solocloud'

/** Owned as sshd's StrictModes wants it, however the old ones were. */
function homeMembers({ uid, gid, home, keyFiles }: Account): Member[] {
  const owner = { uid, gid }
  const inHome = (path: string): boolean => home !== '/' && path.startsWith(`${home}/`)
  return [
    ...(home === '/' ? [] : [directory(home, 0o700, owner)]),
    ...keyFiles.flatMap(({ path, text }) => {
      // sshd reads it as its user, also where it is not the user's own.
      if (!inHome(path)) return [textFile(path, text)]
      const above = directoriesBelow(home, path).map((one) => directory(one, 0o700, owner))
      return [...above, textFile(path, text, 0o600, owner)]
    }),
  ]
}

/** `/home/a` and `/home/a/.ssh/keys/one`: /home/a/.ssh, /home/a/.ssh/keys. */
function directoriesBelow(home: string, path: string): string[] {
  const found: string[] = []
  for (let at = posix.dirname(path); at !== home; at = posix.dirname(at)) found.unshift(at)
  return found
}
