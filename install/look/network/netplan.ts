// What netplan's files say of each interface (netplan(5)); cloud-init's version 2 is the same language.
import { familyOf } from '../../../netlink/ip-address.ts'
import type { Link } from '../../../netlink/link.ts'
import { configured, mtuOf, truth, type ConfigFiles, type Configured } from './configured.ts'
import { globMatches } from './glob.ts'
import { assignments } from './ini.ts'
import { cidrOf, defaultRoute, destinationOf, ipOf, ipsOf, macOf, macText } from './ip-text.ts'
import { metricOf } from './route-words.ts'
import { listOf, mapOf, merged, textOf, textsOf, yamlTree, type Tree } from './yaml-tree.ts'

/** A file of a later directory hides those of its name in earlier ones. */
const DIRECTORIES = ['/usr/lib/netplan', '/lib/netplan', '/etc/netplan', '/run/netplan']
/** Everything that becomes an interface. */
const SECTIONS = ['ethernets', 'wifis', 'modems', 'bonds', 'bridges', 'vlans', 'tunnels', 'vrfs']

export type Complain = (sentence: string) => void

export function netplan(
  files: ConfigFiles,
  links: readonly Link[],
  complain: Complain,
): Configured[] {
  const paths = new Map<string, string>()
  for (const directory of DIRECTORIES) {
    for (const name of files.list(directory).filter((one) => one.endsWith('.yaml'))) {
      paths.set(name, `${directory}/${name}`)
    }
  }
  let all: unknown = {}
  const sources = new Map<string, string>()
  for (const [, path] of [...paths].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const tree = readTree(files, path, complain)
    for (const id of entriesOf(networkOf(tree)).keys()) sources.set(id, path)
    all = merged(all, tree)
  }
  return describeNetwork(networkOf(all), links, (id) => sources.get(id) ?? '').map(
    ({ id, said, link }) => {
      said.inUse = link !== null && isInUse(files, id, link)
      return said
    },
  )
}

const networkOf = (tree: unknown): Tree => mapOf(mapOf(tree)['network'])

export function readTree(files: ConfigFiles, path: string, complain: Complain): unknown {
  const text = files.read(path)
  if (text === null) return null
  try {
    return yamlTree(text)
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : 'no YAML').split('\n')
    complain(`${path} can't be read, and does not count: ${reason.replace(/:$/, '')}`)
    return null
  }
}

function entriesOf(network: Tree): Map<string, Tree> {
  return new Map(
    SECTIONS.flatMap((section) =>
      Object.entries(mapOf(network[section]))
        .filter(([id]) => id !== 'renderer')
        .map(([id, entry]): [string, Tree] => [id, mapOf(entry)]),
    ),
  )
}

/** networkd and NetworkManager follow files that netplan has made for them. */
function isInUse(files: ConfigFiles, id: string, link: Link): boolean {
  const state = assignments(files.read(`/run/systemd/netif/links/${link.index}`) ?? '')
  if (state.get('NETWORK_FILE')?.endsWith(`-netplan-${id}.network`) === true) return true
  return files
    .list('/run/NetworkManager/system-connections')
    .some((name) => name === `netplan-${id}.nmconnection`)
}

export interface Described {
  id: string
  said: Configured
  /** null: the kernel has none. */
  link: Link | null
}

/** `sourceOf`: the file of an entry. */
export function describeNetwork(
  network: Tree,
  links: readonly Link[],
  sourceOf: (id: string) => string,
): Described[] {
  return [...entriesOf(network)].flatMap(([id, entry]): Described[] => {
    const source = sourceOf(id)
    const own = links.filter((link) => !link.loopback && fits(id, entry, link))
    if (own.length > 0) {
      return own.map((link) => ({ id, said: describe(link.name, source, entry), link }))
    }
    // A pattern without an interface says nothing of any.
    const isPattern = Object.hasOwn(entry, 'match')
    const name = textOf(entry['set-name']) ?? (isPattern ? null : id)
    return name === null ? [] : [{ id, said: describe(name, source, entry), link: null }]
  })
}

/** By MAC address and name; drivers count as fulfilled. */
function fits(id: string, entry: Tree, link: Link): boolean {
  if (!Object.hasOwn(entry, 'match')) return link.name === id
  const match = mapOf(entry['match'])
  const mac = textOf(match['macaddress'])
  const names = textsOf(match['name'])
  if (mac !== undefined) {
    const own = [macText(link.mac), macText(link.permanentMac ?? Buffer.alloc(0))]
    return link.master === null && own.includes(macOf(mac) ?? '')
  }
  if (names.length === 0) return link.ethernet && link.kind === null
  return (
    link.name === textOf(entry['set-name']) || names.some((name) => globMatches(name, link.name))
  )
}

function describe(name: string, source: string, entry: Tree): Configured {
  const of = configured(name, source)
  const text = (key: string): string | undefined => textOf(entry[key])
  of.dhcp4 = truth(text('dhcp4')) === true
  of.dhcp6 = truth(text('dhcp6')) === true
  of.autoconf6 = truth(text('accept-ra'))
  of.mtuBytes = mtuOf(text('mtu'))
  // An address with options is a map of one key.
  const written = listOf(entry['addresses']).flatMap((item) =>
    typeof item === 'string' ? [item] : Object.keys(mapOf(item)),
  )
  of.addresses = written.map((one) => cidrOf(one)).filter((address) => address !== null)
  for (const gateway of ipsOf([text('gateway4') ?? '', text('gateway6') ?? ''])) {
    of.routes.push({ destination: defaultRoute(familyOf(gateway)), gateway, metric: null })
  }
  for (const route of listOf(entry['routes'])) addRoute(of, mapOf(route))
  of.policyRouting ||= listOf(entry['routing-policy']).length > 0
  const servers = mapOf(entry['nameservers'])
  of.nameServers = ipsOf(textsOf(servers['addresses']))
  of.searchDomains = textsOf(servers['search'])
  return of
}

function addRoute(of: Configured, route: Tree): void {
  const via = textOf(route['via'])
  const gateway = via === undefined ? null : ipOf(via)
  if (via !== undefined && gateway === null) return
  if ((textOf(route['type']) ?? 'unicast') !== 'unicast') return
  const table = textOf(route['table']) ?? '254'
  if (table !== '254') {
    of.policyRouting = true
    return
  }
  const to = textOf(route['to']) ?? ''
  const destination = destinationOf(to, familyOf(gateway ?? to))
  if (destination !== null) {
    of.routes.push({ destination, gateway, metric: metricOf(textOf(route['metric'])) })
  }
}
