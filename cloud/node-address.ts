// Where a node is: ssh://HOST, HOST:PORT, [IPv6]:PORT or unix:/path, and how the words of a command name it.
import { existsSync } from 'node:fs'
import { usageError } from './errors.ts'

export interface SshAddress {
  text: string
  kind: 'ssh'
  /** Null: as the person's ssh config says. */
  user: string | null
  host: string
  port: number | null
}

export type NodeAddress =
  | SshAddress
  | ({ text: string } & (
      { kind: 'tcp'; host: string; port: number } | { kind: 'unix'; path: string }
    ))

/** Where PID 1 listens on the node itself. */
export const LOCAL_SOCKET = '/run/solocloud/manage.sock'

const FORMS = 'ssh://[USER@]HOST[:PORT], HOST:PORT, [IPV6]:PORT or unix:/PATH'
/** No word may begin with a dash, or ssh would take it for an option; a host may be a name of ssh's config. */
const SSH =
  /^ssh:\/\/(?:([^\s@:/-][^\s@:/]*)@)?(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s@:/[\]-][^\s@:/[\]]*))(?::(\d{1,5}))?\/?$/

export function parseNodeAddress(text: string): NodeAddress {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    if (path.startsWith('/')) return { text, kind: 'unix', path }
    throw usageError(`"${text}" is not a node: after unix: comes an absolute path.`)
  }
  if (text.startsWith('ssh://')) return parseSsh(text)
  const [, v6, name, digits] =
    /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:/[\]\s]+)):(\d{1,5})$/.exec(text) ?? []
  const host = v6 ?? name
  const port = Number(digits)
  if (host !== undefined && port >= 1 && port <= 65535) return { text, kind: 'tcp', host, port }
  if (/^https?:\/\//.test(text)) {
    throw usageError(`"${text}" is not a node: write it without http://, as HOST:PORT.`)
  }
  throw usageError(`"${text}" is not a node: write ${FORMS}.`)
}

function parseSsh(text: string): SshAddress {
  const [, user = null, v6, name, digits] = SSH.exec(text) ?? []
  const host = v6 ?? name
  const port = digits === undefined ? null : Number(digits)
  if (host !== undefined && (port === null || (port >= 1 && port <= 65535)))
    return { text, kind: 'ssh', user, host, port }
  throw usageError(
    `"${text}" is not a node: write ssh://[USER@]HOST[:PORT], as ssh itself takes it.`,
  )
}

export interface Target {
  node: NodeAddress
  /** The words that are not the node. */
  words: string[]
}

/**
 * The node is the first word with a colon (a path with a colon in it is told by its slash), else CLOUD_NODE,
 * else this machine, if it is a node.
 */
export function takeNode(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  localSocket = LOCAL_SOCKET,
): Target {
  const at = words.findIndex(looksLikeNode)
  const named = words[at]
  if (named !== undefined) return { node: parseNodeAddress(named), words: words.toSpliced(at, 1) }
  const fromEnv = env['CLOUD_NODE'] ?? ''
  if (fromEnv !== '') return { node: parseNodeAddress(fromEnv), words: [...words] }
  if (existsSync(localSocket)) {
    return { node: parseNodeAddress(`unix:${localSocket}`), words: [...words] }
  }
  throw usageError(`No node was named: give it as the first word (${FORMS}), or set CLOUD_NODE.`)
}

function looksLikeNode(word: string): boolean {
  if (word.startsWith('unix:') || /^(?:ssh|https?):\/\//.test(word)) return true
  return word.includes(':') && !word.includes('/')
}
