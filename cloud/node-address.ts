// Where a node is: HOST:PORT, [IPv6]:PORT or unix:/path, and how the words of a command name it.
import { existsSync } from 'node:fs'
import { usageError } from './errors.ts'

export type NodeAddress = { text: string } & (
  { kind: 'tcp'; host: string; port: number } | { kind: 'unix'; path: string }
)

/** Where PID 1 listens on the node itself. */
export const LOCAL_SOCKET = '/run/solocloud/manage.sock'

const FORMS = 'HOST:PORT, [IPV6]:PORT or unix:/PATH'

export function parseNodeAddress(text: string): NodeAddress {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    if (path.startsWith('/')) return { text, kind: 'unix', path }
    throw usageError(`"${text}" is not a node: after unix: comes an absolute path.`)
  }
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
  if (word.startsWith('unix:') || /^https?:\/\//.test(word)) return true
  return word.includes(':') && !word.includes('/')
}
