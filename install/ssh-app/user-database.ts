// /etc/passwd, /etc/shadow and /etc/group of the old system (passwd(5), shadow(5), group(5)).
import type { OldFiles } from './old-files.ts'

export interface User {
  name: string
  uid: number
  gid: number
  home: string
  shell: string
  /** The password's field of /etc/shadow begins with `!`. */
  locked: boolean
  /** Days since 1970 after which it can't be used; null: never. */
  expiresOn: number | null
}

export interface Group {
  name: string
  gid: number
  members: string[]
}

export interface UserDatabase {
  users: User[]
  groups: Group[]
}

/** As useradd(8) makes them, and what sshd_config and our own files can hold. */
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$/
const ID_MAX = 0xffff_fffe

export function readUserDatabase(files: OldFiles): UserDatabase {
  const shadow = new Map(fields(files, '/etc/shadow').map((line) => [line[0], line]))
  const users = fields(files, '/etc/passwd').flatMap(
    ([name = '', , uid, gid, , home = '', shell = '']): User[] => {
      const [, password = '', , , , , , expiry = ''] = shadow.get(name) ?? []
      const ids = [uid, gid].map(id)
      const [userId = null, groupId = null] = ids
      if (!NAME.test(name) || userId === null || groupId === null) return []
      return [
        {
          ...{ name, uid: userId, gid: groupId, home, shell: shell === '' ? '/bin/sh' : shell },
          locked: password.startsWith('!'),
          expiresOn: /^\d+$/.test(expiry) ? Number(expiry) : null,
        },
      ]
    },
  )
  const groups = fields(files, '/etc/group').flatMap(
    ([name = '', , gid, members = '']): Group[] => {
      const groupId = id(gid)
      if (!NAME.test(name) || groupId === null) return []
      return [{ name, gid: groupId, members: members.split(',').filter((one) => NAME.test(one)) }]
    },
  )
  return { users, groups }
}

function fields(files: OldFiles, path: string): string[][] {
  const lines = (files.text(path) ?? '').split('\n')
  return lines.filter((line) => line !== '').map((line) => line.split(':'))
}

function id(word = ''): number | null {
  return /^\d{1,10}$/.test(word) && Number(word) <= ID_MAX ? Number(word) : null
}

/** The groups of a user, its own first. */
export function groupsOf({ groups }: UserDatabase, { name, gid }: User): Group[] {
  const own = groups.filter((group) => group.gid === gid)
  return [...own, ...groups.filter((group) => group.gid !== gid && group.members.includes(name))]
}

/** From the top of the range for system groups down: one that nobody has. */
export function freeGroupId({ users, groups }: UserDatabase): number {
  const taken = new Set([...users, ...groups].map(({ gid }) => gid))
  for (let gid = SYSTEM_ID_MAX; gid >= SYSTEM_ID_MIN; gid--) if (!taken.has(gid)) return gid
  for (let gid = SYSTEM_ID_MAX + 1; ; gid++) if (!taken.has(gid)) return gid
}
const SYSTEM_ID_MAX = 999
const SYSTEM_ID_MIN = 100
