// What DHCP servers gave, from the files in which clients remember it: what is offered again need not be kept.
import type { Link } from '../../../netlink/link.ts'
import { mtuOf, type ConfigFiles } from './configured.ts'
import { parseBlocks, type Block } from './dhclient-lease.ts'
import { assignments } from './ini.ts'
import { cidrOf, cidrText, ipOf, ipsOf, wordsOf } from './ip-text.ts'

export interface FoundLease {
  interface: string
  /** IPv4, or IPv6 from a DHCPv6 client. */
  addresses: string[]
  /** Gateways of the default route. */
  routers: string[]
  /** `10.0.0.0/8 via 192.0.2.1`. */
  routes: string[]
  nameServers: string[]
  domains: string[]
  mtuBytes: number | null
  /** False where the client's file has no more than the address. */
  complete: boolean
}

export function leasesOf(files: ConfigFiles, links: readonly Link[]): FoundLease[] {
  return [...dhclientLeases(files), ...networkdLeases(files, links), ...managerLeases(files)]
}

const DHCLIENT = [
  '/var/lib/dhcp',
  '/var/lib/dhcp3',
  '/var/lib/dhclient',
  '/var/lib/NetworkManager',
  '/run',
]

/** dhclient appends each lease to its file: the last one of an interface counts. */
function dhclientLeases(files: ConfigFiles): FoundLease[] {
  const found = new Map<string, FoundLease>()
  for (const directory of DHCLIENT) {
    const names = files.list(directory).filter((name) => /^dhclient.*\.leases?$/.test(name))
    for (const name of names.toSorted()) {
      for (const block of parseBlocks(files.read(`${directory}/${name}`) ?? '')) {
        const lease = dhclientLease(block)
        if (lease !== null) found.set(`${block.words[0]} ${lease.interface}`, lease)
      }
    }
  }
  return [...found.values()]
}

function dhclientLease({ words, children }: Block): FoundLease | null {
  if (words[0] !== 'lease' && words[0] !== 'lease6') return null
  const statement = (...names: string[]): string[] | undefined =>
    children
      .find((child) => names.every((name, i) => child.words[i] === name))
      ?.words.slice(names.length)
  const option = (name: string): string[] => (statement('option', name) ?? []).flatMap(wordsOf)
  const name = statement('interface')?.[0]
  if (name === undefined) return null
  const associations = children.filter((child) => child.words[0]?.startsWith('ia-') === true)
  const inIt = associations.flatMap((association) =>
    association.children
      .filter((child) => child.words[0] === 'iaaddr')
      .map((child) => child.words[1] ?? ''),
  )
  const classless = [
    ...option('rfc3442-classless-static-routes'),
    ...option('classless-static-routes'),
  ]
  const { routers, routes } = classlessRoutes(classless)
  return {
    interface: name,
    addresses: ipsOf([...(statement('fixed-address') ?? []), ...inIt]),
    routers: [...ipsOf(option('routers')), ...routers],
    routes,
    nameServers: ipsOf([...option('domain-name-servers'), ...option('dhcp6.name-servers')]),
    domains: ['domain-name', 'domain-search', 'dhcp6.domain-search']
      .flatMap(option)
      .map(withoutDot),
    mtuBytes: mtuOf(option('interface-mtu')[0]),
    complete: true,
  }
}

const withoutDot = (domain: string): string => domain.replace(/\.$/, '')

/** RFC 3442: width, as many bytes of destination as it needs, four bytes of router; Red Hat writes dots between. */
function classlessRoutes(words: readonly string[]): { routers: string[]; routes: string[] } {
  const bytes = words.flatMap((word) => word.split('.')).map(Number)
  const found: { routers: string[]; routes: string[] } = { routers: [], routes: [] }
  for (let at = 0; at < bytes.length;) {
    const width = bytes[at] ?? NaN
    if (!(width >= 0 && width <= 32)) break
    const length = Math.ceil(width / 8)
    const network = [0, 0, 0, 0].map((_, i) => (i < length ? (bytes[at + 1 + i] ?? NaN) : 0))
    const destination = cidrOf(`${network.join('.')}/${width}`)
    const router = ipOf(bytes.slice(at + 1 + length, at + 5 + length).join('.'))
    at += 5 + length
    if (destination === null || router === null) break
    if (width === 0) found.routers.push(router)
    else found.routes.push(leasedRoute(cidrText(destination), router))
  }
  return found
}

const leasedRoute = (destination: string, router: string): string =>
  router === '0.0.0.0' ? destination : `${destination} via ${router}`

/** /run/systemd/netif/leases/INDEX. */
function networkdLeases(files: ConfigFiles, links: readonly Link[]): FoundLease[] {
  return links.flatMap(({ index, name }) => {
    const text = files.read(`/run/systemd/netif/leases/${index}`)
    return text === null ? [] : [systemdLease(name, text)]
  })
}

/** NetworkManager's own client; newer ones write only the address. */
function managerLeases(files: ConfigFiles): FoundLease[] {
  const directory = '/var/lib/NetworkManager'
  return files.list(directory).flatMap((name) => {
    const [, device] = /^internal-[0-9a-f-]{36}-(.+)\.lease$/.exec(name) ?? []
    const text = device === undefined ? null : files.read(`${directory}/${name}`)
    return device === undefined || text === null ? [] : [systemdLease(device, text)]
  })
}

function systemdLease(name: string, text: string): FoundLease {
  const values = assignments(text)
  const words = (key: string): string[] => wordsOf(values.get(key) ?? '')
  // `10.0.0.0/8,192.0.2.1 10.1.0.0/16,192.0.2.1`
  const routes = (values.get('ROUTES') ?? '').split(/\s+/).filter(Boolean)
  const pairs = routes.map((route) => route.split(',', 2))
  return {
    interface: name,
    addresses: ipsOf(words('ADDRESS')),
    routers: [
      ...ipsOf(words('ROUTER')),
      ...pairs.filter(([to]) => to === '0.0.0.0/0').map(([, router = '']) => router),
    ],
    routes: pairs
      .filter(([to]) => to !== '0.0.0.0/0')
      .map(([to = '', router = '']) => leasedRoute(to, router)),
    nameServers: ipsOf(words('DNS')),
    domains: [...words('DOMAINNAME'), ...words('DOMAIN_SEARCH_LIST')].map(withoutDot),
    mtuBytes: mtuOf(values.get('MTU')),
    complete: values.has('SERVER_ADDRESS') || values.has('ROUTER') || values.has('DNS'),
  }
}
