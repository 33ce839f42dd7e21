// The app's sshd_config: the old system's ports, host keys and algorithms; keys let in, and nothing else.
import { allOf, firstOf, type SshdOptions } from './sshd-options.ts'

export interface Listening {
  ports: number[]
  /** sshd_config's own lines; none: on every address. */
  addresses: string[]
  warnings: string[]
}

const PORT_DEFAULT = 22
/** Of everything else the default holds. In sshd_config(5)'s own spelling where people read it. */
const ALGORITHMS = [
  ...['Ciphers', 'MACs', 'KexAlgorithms', 'HostKeyAlgorithms', 'PubkeyAcceptedAlgorithms'],
  ...['PubkeyAcceptedKeyTypes', 'CASignatureAlgorithms', 'RequiredRSASize'],
]
const KEPT = [
  ...['AddressFamily', 'LogLevel', 'LoginGraceTime', 'MaxAuthTries', 'MaxSessions', 'MaxStartups'],
  ...['ClientAliveInterval', 'ClientAliveCountMax', 'TCPKeepAlive', 'AllowTcpForwarding'],
]
const LISTS = ['DenyUsers', 'AllowUsers', 'DenyGroups', 'AllowGroups']

/** `connection`: SSH_CONNECTION of who installs, who wants to come back by the same port. */
export function listening(options: SshdOptions, connection: string | null): Listening {
  const given = allOf(options, 'port').map(Number)
  const ports = given.length > 0 ? given : [PORT_DEFAULT]
  const addresses = (options.get('listenaddress') ?? []).map(([word = '']) =>
    parseAddress(word, ports),
  )
  const specific = addresses.flat().filter(({ host }) => !isWildcard(host))
  const warnings: string[] = []
  const all = [...new Set([...ports, ...addresses.flat().map(({ port }) => port)])]
  const came = Number(connection?.split(' ')[3] ?? Number.NaN)
  if (Number.isInteger(came) && !all.includes(came)) {
    warnings.push(
      `you came by port ${came}, which sshd_config does not name: the node listens on it too`,
    )
    return { ports: [...all, came], addresses: [], warnings }
  }
  const open = addresses.length === 0 || specific.length < addresses.flat().length
  if (open) return { ports: all, addresses: [], warnings }
  const others = specific.filter(({ host }) => !isLoopback(host))
  const reachable = others.length > 0 ? others : specific
  if (new Set(reachable.map(({ host }) => host)).size === 1)
    return { ports: all, addresses: reachable.map(text), warnings }
  // It starts before the network is there, and would go on with those that are there first.
  warnings.push(
    `sshd listens on every address of the node, not only on ${specific.map(text).join(', ')}`,
  )
  return { ports: all, addresses: [], warnings }
}

interface Address {
  host: string
  port: number
}

/** HOST, HOST:PORT, [HOST]:PORT or an IPv6 address; without a port, one for each of `ports`. */
function parseAddress(word: string, ports: readonly number[]): Address[] {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(word) ?? []
  const host = bracketed ?? plain ?? word
  return port === undefined
    ? ports.map((one) => ({ host, port: one }))
    : [{ host, port: Number(port) }]
}

const isWildcard = (host: string): boolean => ['0.0.0.0', '::', '*'].includes(host)
const isLoopback = (host: string): boolean => /^127\.|^::1$|^localhost$/.test(host)
const text = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

export interface NewConfig {
  options: SshdOptions
  listening: Listening
  hostKeys: readonly string[]
  /** Whether root is among the accounts. */
  root: boolean
  /** Without: this sshd's own defaults. */
  algorithms: boolean
}

export function newSshdConfig(config: NewConfig): string {
  const { options, listening: where, hostKeys, root, algorithms } = config
  const carried = (keywords: readonly string[]): string[] =>
    keywords.flatMap((keyword) => {
      const words = firstOf(options, keyword.toLowerCase())
      return words.length === 0 ? [] : [`${keyword} ${words.join(' ')}`]
    })
  const lists = LISTS.flatMap((keyword) =>
    allOf(options, keyword.toLowerCase()).map((pattern) => `${keyword} ${pattern}`),
  )
  const keyFiles = firstOf(options, 'authorizedkeysfile').join(' ') || '.ssh/authorized_keys'
  return [
    "# The old system's sshd as an app of the node, written by `solocloud install`.",
    ...(where.addresses.length > 0
      ? where.addresses.map((address) => `ListenAddress ${address}`)
      : where.ports.map((port) => `Port ${port}`)),
    ...hostKeys.map((path) => `HostKey ${path}`),
    ...carried(KEPT),
    ...(algorithms ? carried(ALGORITHMS) : []),
    ...lists,
    '',
    '# Keys let in, and nothing else.',
    'UsePAM no',
    'PubkeyAuthentication yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'ChallengeResponseAuthentication no',
    'HostbasedAuthentication no',
    `PermitRootLogin ${root ? 'prohibit-password' : 'no'}`,
    `AuthorizedKeysFile ${keyFiles}`,
    '',
    '# The way to the management socket, as the user who has logged in.',
    'AllowStreamLocalForwarding yes',
    'StreamLocalBindUnlink yes',
    '',
    'Subsystem sftp internal-sftp',
    'X11Forwarding no',
    'UseDNS no',
    'PrintMotd no',
    'PrintLastLog no',
    'PidFile none',
    '',
  ].join('\n')
}
