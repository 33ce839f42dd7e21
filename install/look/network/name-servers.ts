// Which name servers the old system asks, and which of them must be kept because nobody offers them again.
import { familyOf } from '../../../netlink/ip-address.ts'
import type { NetworkPlan } from '../../../protocol/network-plan.ts'
import type { ConfigFiles, Configured } from './configured.ts'
import { parseIni, valuesOf } from './ini.ts'
import { ipOf, isLinkLocal, isLoopback, wordsOf } from './ip-text.ts'
import type { FoundLease } from './leases.ts'
import { serverOf } from './networkd.ts'

export interface Resolving {
  nameServers: string[]
  searchDomains: string[]
}

export interface FoundNameServers extends Resolving {
  warnings: string[]
}

/** resolv.conf(5): of `search` and `domain`, the last counts. */
export function parseResolvConf(text: string): Resolving {
  const found: Resolving = { nameServers: [], searchDomains: [] }
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/)
    const server = keyword === 'nameserver' ? ipOf(words[0] ?? '') : null
    if (server !== null) found.nameServers.push(server)
    if (keyword === 'search' || keyword === 'domain') {
      found.searchDomains = words.map((word) => word.replace(/\.$/, '')).filter(Boolean)
    }
  }
  return found
}

const RESOLV_CONF = '/etc/resolv.conf'
/** Where those that listen on the loopback themselves keep what they ask. */
const BEHIND = [
  '/run/systemd/resolve/resolv.conf',
  '/run/NetworkManager/no-stub-resolv.conf',
  '/run/NetworkManager/resolv.conf',
]
const isStub = (server: string): boolean => server === '127.0.0.53' || server === '127.0.0.54'

/** What is asked in the end, behind a cache on the machine itself. */
function asked(files: ConfigFiles, written: Resolving, warnings: string[]): Resolving {
  const found = parseResolvConf(files.read(RESOLV_CONF) ?? '')
  const outside = found.nameServers.filter((server) => !isLoopback(server))
  const caches = found.nameServers.filter(isLoopback)
  if (caches.length === 0) return found
  const behind = BEHIND.map((path) => parseResolvConf(files.read(path) ?? '')).find(
    ({ nameServers }) => nameServers.some((server) => !isLoopback(server)),
  )
  if (behind !== undefined && caches.every(isStub)) return behind
  const names = [
    ...(behind?.nameServers ?? []).filter((server) => !isLoopback(server)),
    ...outside,
    ...written.nameServers,
  ]
  warnings.push(
    `${RESOLV_CONF} names ${caches.join(', ')}, a name server of the old system's own, ` +
      'which a node does not have',
  )
  return { nameServers: names, searchDomains: found.searchDomains }
}

/** What the files say, beside what they say of an interface. */
function globally(files: ConfigFiles): Resolving {
  const directories = [
    '/etc/systemd/resolved.conf.d',
    '/run/systemd/resolved.conf.d',
    '/usr/lib/systemd/resolved.conf.d',
  ]
  const dropIns = directories.flatMap((directory) =>
    files
      .list(directory)
      .filter((name) => name.endsWith('.conf'))
      .toSorted()
      .map((name) => `${directory}/${name}`),
  )
  const sections = ['/etc/systemd/resolved.conf', ...dropIns].flatMap((path) =>
    parseIni(files.read(path) ?? '', true),
  )
  const servers = valuesOf(sections, 'Resolve', 'DNS').flatMap(wordsOf).map(serverOf)
  const base = ['head', 'base'].map((name) =>
    parseResolvConf(files.read(`/etc/resolvconf/resolv.conf.d/${name}`) ?? ''),
  )
  return {
    nameServers: [
      ...servers.filter((server) => server !== null),
      ...base.flatMap(({ nameServers }) => nameServers),
    ],
    searchDomains: [
      ...valuesOf(sections, 'Resolve', 'Domains')
        .flatMap(wordsOf)
        .filter((domain) => !domain.startsWith('~')),
      ...base.flatMap(({ searchDomains }) => searchDomains),
    ],
  }
}

export interface Around {
  interfaces: NetworkPlan['interfaces']
  /** What the files say of them. */
  chosen: readonly Configured[]
  /** Of those that stay with DHCP. */
  leases: readonly FoundLease[]
}

export function findNameServers(
  files: ConfigFiles,
  { interfaces, chosen, leases }: Around,
): FoundNameServers {
  const warnings: string[] = []
  const all = globally(files)
  const written: Resolving = {
    nameServers: [...all.nameServers, ...chosen.flatMap(({ nameServers }) => nameServers)],
    searchDomains: [...all.searchDomains, ...chosen.flatMap(({ searchDomains }) => searchDomains)],
  }
  const found = asked(files, written, warnings)
  const offers = offersOf(interfaces, leases, written.nameServers.length > 0)
  const keep = (server: string): boolean => {
    if (isLinkLocal(server) || isLoopback(server)) return false
    return written.nameServers.includes(server) || !offers.server(server)
  }
  const domains = found.searchDomains.filter(
    (domain) => written.searchDomains.includes(domain) || !offers.domain(domain),
  )
  const nameServers = unique(found.nameServers.filter(keep))
  const hasDhcp = interfaces.some(({ dhcp4, autoconf6 }) => dhcp4 || autoconf6)
  if (nameServers.length === 0 && !hasDhcp) {
    warnings.push('no name server was found: names will not resolve on the node')
  }
  return { nameServers, searchDomains: unique(domains), warnings }
}

const unique = (words: readonly string[]): string[] => [...new Set(words)]

/**
 * What the network is taken to offer again. Where a client left no lease to read, it offered what is asked
 * now and no file names; but a static way out brings its own servers, be they in no file. IPv6 servers may
 * come from router advertisements, of which no file tells: they are kept where nothing else is sure to bring
 * a server.
 */
function offersOf(
  interfaces: NetworkPlan['interfaces'],
  leases: readonly FoundLease[],
  isWritten: boolean,
): { server: (server: string) => boolean; domain: (domain: string) => boolean } {
  const dhcp = interfaces.filter(({ dhcp4 }) => dhcp4)
  const unread = dhcp.some(
    ({ name }) => !leases.some((lease) => lease.interface === name && lease.complete),
  )
  const staticWayOut = interfaces.some(({ routes }) =>
    routes.some(
      ({ destination }) => destination.prefix === 0 && familyOf(destination.address) === 4,
    ),
  )
  const unknown = unread && (isWritten || !staticWayOut)
  const servers = new Set(leases.flatMap(({ nameServers }) => nameServers))
  const domains = new Set(leases.flatMap((lease) => lease.domains))
  const advertised = dhcp.length > 0 && interfaces.some(({ autoconf6 }) => autoconf6)
  return {
    server: (server) => servers.has(server) || (familyOf(server) === 4 ? unknown : advertised),
    domain: (domain) => domains.has(domain) || unknown,
  }
}
