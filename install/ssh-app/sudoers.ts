// Who may become root by sudoers(5). Only whole permissions count: ALL commands, as root, for this machine or
// any. What is not understood grants nothing.
import { posix } from 'node:path'
import type { OldFiles } from './old-files.ts'
import { groupsOf, type User, type UserDatabase } from './user-database.ts'

const SUDOERS = '/etc/sudoers'
const INCLUDES_MAX = 16
/** By the custom of distributions. */
const GROUPS = ['sudo', 'wheel', 'admin']

export type IsAdministrator = (user: User) => boolean

export function administrators(files: OldFiles, database: UserDatabase): IsAdministrator {
  const lines = sudoersLines(files, SUDOERS, 0)
  const aliases = userAliases(lines)
  const granted = lines.flatMap(grantees).flatMap((who) => aliases.get(who) ?? [who])
  return (user) => {
    if (user.uid === 0) return true
    const groups = groupsOf(database, user)
    return (
      groups.some(({ name }) => GROUPS.includes(name)) ||
      granted.some((who) => names(who, user, groups))
    )
  }
}

function names(who: string, { name, uid }: User, groups: readonly { name: string; gid: number }[]) {
  if (who.startsWith('%#')) return groups.some(({ gid }) => `%#${gid}` === who)
  if (who.startsWith('%')) return groups.some((group) => `%${group.name}` === who)
  return who === name || who === `#${uid}`
}

/** Whole lines, continuation joined, comments gone (`#` and a digit is a user id), includes in their place. */
function sudoersLines(files: OldFiles, path: string, depth: number): string[] {
  const text = (files.text(path) ?? '').replaceAll('\\\n', ' ')
  return text.split('\n').flatMap((raw) => {
    const line = raw.trim()
    const [, kind, target = ''] = /^[#@](include|includedir)\s+(\S+)/.exec(line) ?? []
    if (kind === undefined) {
      const code = line.replace(/(^|\s)#(?!\d).*$/, '').trim()
      return code === '' ? [] : [code]
    }
    if (depth >= INCLUDES_MAX) return []
    const absolute = posix.resolve('/etc', target)
    const included =
      kind === 'include'
        ? [absolute]
        : files
            .list(absolute)
            .filter((name) => !name.includes('.') && !name.endsWith('~'))
            .map((name) => posix.join(absolute, name))
    return included.flatMap((one) => sudoersLines(files, one, depth + 1))
  })
}

function userAliases(lines: readonly string[]): Map<string, string[]> {
  const aliases = new Map<string, string[]>()
  for (const line of lines) {
    const [, list] = /^User_Alias\s+(.*)$/.exec(line) ?? []
    for (const definition of list?.split(':') ?? []) {
      const [name = '', members = ''] = definition.split('=')
      aliases.set(name.trim(), words(members))
    }
  }
  return aliases
}

/** Of `deploy, %ops ALL=(ALL:ALL) NOPASSWD: ALL`: deploy and %ops. */
function grantees(line: string): string[] {
  const [, who, grant] = /^([^=]+?)\s+\S+\s*=\s*(.*)$/.exec(line) ?? []
  if (who === undefined || grant === undefined || /^(Defaults|\w+_Alias)\b/.test(line)) return []
  const [, runAs = 'ALL', commands = ''] = /^(?:\(([^)]*)\))?\s*(.*)$/.exec(grant) ?? []
  const asRoot = words(runAs.split(':')[0] ?? '').some((one) => one === 'ALL' || one === 'root')
  const all = words(commands.replace(/\b[A-Z_]+:\s*/g, '')).at(-1) === 'ALL'
  return asRoot && all ? words(who).filter((one) => !one.startsWith('!')) : []
}

const words = (list: string): string[] =>
  list
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)
