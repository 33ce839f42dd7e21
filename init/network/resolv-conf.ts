// The node's resolv.conf (resolv.conf(5)): its text, and writing it.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'

export interface Resolver {
  /** Best first; more than the C library looks at is left out. */
  nameServers: readonly string[]
  searchDomains: readonly string[]
}

/** MAXNS of <resolv.h>: a fourth server is never asked. */
const SERVERS_MAX = 3

export function resolvConf({ nameServers, searchDomains }: Resolver): string {
  const servers = [...new Set(nameServers)].slice(0, SERVERS_MAX)
  const domains = [...new Set(searchDomains)]
  const search = domains.length === 0 ? [] : [`search ${domains.join(' ')}`]
  return ['# Written by solocloud.', ...search, ...servers.map((s) => `nameserver ${s}`), ''].join(
    '\n',
  )
}

/**
 * Replaces the file in one step; a file that is a mount of its own (containers do that) is written in
 * place. True when something changed. Throws Node's fs errors.
 */
export function writeResolvConf(path: string, content: string): boolean {
  if (readOrNull(path) === content) return false
  try {
    const staged = `${path}.new`
    writeFileSync(staged, content, { mode: 0o644 })
    renameSync(staged, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
    writeFileSync(path, content)
  }
  return true
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
