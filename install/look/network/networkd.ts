// What systemd-networkd's files say of each interface (systemd.network(5), systemd.link(5)).
import { familyOf } from '../../../netlink/ip-address.ts'
import type { Link } from '../../../netlink/link.ts'
import { configured, mtuOf, truth, type ConfigFiles, type Configured } from './configured.ts'
import { globMatches } from './glob.ts'
import { assignments, parseIni, valueOf, valuesOf, type Section } from './ini.ts'
import {
  cidrOf,
  defaultRoute,
  destinationOf,
  ipOf,
  ipsOf,
  macOf,
  macText,
  wordsOf,
} from './ip-text.ts'
import { metricOf } from './route-words.ts'

/** A file of an earlier directory hides those of its name in later ones. */
const DIRECTORIES = ['/etc', '/run', '/usr/local/lib', '/usr/lib', '/lib'].map(
  (directory) => `${directory}/systemd/network`,
)

interface Unit {
  path: string
  sections: Section[]
}

export function networkd(files: ConfigFiles, links: readonly Link[]): Configured[] {
  const networks = unitsOf(files, '.network')
  const linkUnits = unitsOf(files, '.link')
  const found: Configured[] = []
  for (const link of links.filter(({ loopback }) => !loopback)) {
    const state = assignments(files.read(`/run/systemd/netif/links/${link.index}`) ?? '')
    // networkd says itself which file it follows.
    const told = state.get('NETWORK_FILE')
    const unit =
      networks.find(({ path }) => path === told) ??
      networks.find(({ sections }) => matches(sections, link))
    if (unit === undefined) continue
    const of = describe(unit, link.name)
    of.inUse = told === unit.path && state.get('ADMIN_STATE') !== 'unmanaged'
    of.mtuBytes ??= mtuFromLink(linkUnits, link)
    found.push(of)
  }
  return [...found, ...absent(networks, links)]
}

/** Those that name an interface that the kernel does not have. */
function absent(networks: readonly Unit[], links: readonly Link[]): Configured[] {
  const there = new Set(links.map(({ name }) => name))
  return networks
    .filter(({ path }) => path.startsWith('/etc/') || path.startsWith('/run/'))
    .flatMap((unit) => {
      const names = valuesOf(unit.sections, 'Match', 'Name').flatMap(wordsOf)
      const plain = names.every((name) => /^[\w.-]+$/.test(name)) ? names : []
      return plain.filter((name) => !there.has(name)).map((name) => describe(unit, name))
    })
}

function unitsOf(files: ConfigFiles, ending: string): Unit[] {
  const paths = new Map<string, string>()
  for (const directory of DIRECTORIES) {
    for (const name of files.list(directory)) {
      if (name.endsWith(ending) && !paths.has(name)) paths.set(name, `${directory}/${name}`)
    }
  }
  return [...paths]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, path]) => ({ path, sections: sectionsOf(files, name, path) }))
    .filter(({ sections }) => sections.length > 0)
}

/** The file, then its drop-ins in the order of their names. An empty file is a masked one. */
function sectionsOf(files: ConfigFiles, name: string, path: string): Section[] {
  const dropIns = new Map<string, string>()
  for (const directory of DIRECTORIES) {
    for (const dropIn of files.list(`${directory}/${name}.d`)) {
      if (!dropIn.endsWith('.conf') || dropIns.has(dropIn)) continue
      dropIns.set(dropIn, `${directory}/${name}.d/${dropIn}`)
    }
  }
  const own = parseIni(files.read(path) ?? '', true)
  if (own.length === 0) return []
  const more = [...dropIns].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return [...own, ...more.flatMap(([, dropIn]) => parseIni(files.read(dropIn) ?? '', true))]
}

/** By name, MAC address and type; what else [Match] can ask for (drivers, paths) counts as fulfilled. */
function matches(sections: readonly Section[], link: Link, nameKey = 'Name'): boolean {
  const names = valuesOf(sections, 'Match', nameKey).flatMap(wordsOf)
  const macs = ['MACAddress', 'PermanentMACAddress'].flatMap((key) =>
    valuesOf(sections, 'Match', key).flatMap(wordsOf).map(macOf),
  )
  const types = valuesOf(sections, 'Match', 'Type').flatMap(wordsOf)
  const kinds = valuesOf(sections, 'Match', 'Kind').flatMap(wordsOf)
  if (macs.length > 0 && !macs.includes(macText(link.mac))) return false
  if (types.length > 0 && !(link.ethernet && types.includes('ether'))) return false
  if (kinds.length > 0 && !kinds.includes(link.kind ?? '')) return false
  if (names.length === 0) return macs.length + types.length > 0 || link.ethernet
  const inverted = names[0]?.startsWith('!') === true
  const patterns = names.map((name) => name.replace(/^!/, ''))
  return patterns.some((pattern) => globMatches(pattern, link.name)) !== inverted
}

/** The first .link that fits; a name it gave is the interface's by now. */
function mtuFromLink(units: readonly Unit[], link: Link): number | null {
  const unit = units.find(
    ({ sections }) =>
      valueOf(sections, 'Link', 'Name') === link.name || matches(sections, link, 'OriginalName'),
  )
  return unit === undefined ? null : bytesOf(valueOf(unit.sections, 'Link', 'MTUBytes'))
}

/** `1400`, `9K` (1024 bytes each). */
function bytesOf(text: string | undefined): number | null {
  const [, digits, unit] = /^(\d{1,5})([KM]?)$/.exec(text ?? '') ?? []
  if (digits === undefined) return null
  return mtuOf(String(Number(digits) * (unit === 'K' ? 1024 : unit === 'M' ? 1024 ** 2 : 1)))
}

function describe({ path, sections }: Unit, name: string): Configured {
  const of = configured(name, path)
  const all = (section: string, key: string): string[] => valuesOf(sections, section, key)
  const dhcp = all('Network', 'DHCP').at(-1) ?? 'no'
  const both = dhcp === 'both' || truth(dhcp) === true
  of.dhcp4 = both || dhcp === 'ipv4' || dhcp === 'v4'
  of.dhcp6 = both || dhcp === 'ipv6' || dhcp === 'v6'
  of.autoconf6 = truth(
    all('Network', 'IPv6AcceptRA').at(-1) ??
      all('Network', 'IPv6AcceptRouterAdvertisements').at(-1),
  )
  of.mtuBytes = bytesOf(valueOf(sections, 'Link', 'MTUBytes'))
  const addresses = [...all('Network', 'Address'), ...all('Address', 'Address')]
  of.addresses = addresses.map((text) => cidrOf(text)).filter((address) => address !== null)
  for (const gateway of ipsOf(all('Network', 'Gateway'))) {
    of.routes.push({ destination: defaultRoute(familyOf(gateway)), gateway, metric: null })
  }
  for (const section of sections.filter((one) => one.name === 'Route')) addRoute(of, section)
  of.policyRouting ||= sections.some((section) => section.name === 'RoutingPolicyRule')
  of.nameServers = all('Network', 'DNS')
    .flatMap(wordsOf)
    .map(serverOf)
    .filter((server) => server !== null)
  of.searchDomains = all('Network', 'Domains')
    .flatMap(wordsOf)
    .filter((domain) => !domain.startsWith('~'))
  return of
}

/** `192.0.2.53`, `192.0.2.53:53`, `[2001:db8::53]:53`, with `%eth0` or `#name` behind. */
export function serverOf(text: string): string | null {
  const plain = text.replace(/[#%].*/, '')
  const [, inBrackets] = /^\[([^\]]+)\]/.exec(plain) ?? []
  return ipOf(inBrackets ?? plain) ?? ipOf(plain.replace(/:\d+$/, ''))
}

function addRoute(of: Configured, section: Section): void {
  const value = (key: string): string | undefined => valueOf([section], 'Route', key)
  if (!/^(unicast)?$/.test(value('Type') ?? '')) return
  const table = value('Table') ?? 'main'
  if (table !== 'main' && table !== '254') {
    of.policyRouting = true
    return
  }
  const via = value('Gateway')
  const gateway = via === undefined ? null : ipOf(via)
  // _dhcp4 and _ipv6ra: what the network offers.
  if (via !== undefined && gateway === null) return
  const family = familyOf(gateway ?? value('Destination') ?? '')
  const destination = destinationOf(value('Destination') ?? 'default', family)
  if (destination === null) return
  of.routes.push({ destination, gateway, metric: metricOf(value('Metric')) })
}
