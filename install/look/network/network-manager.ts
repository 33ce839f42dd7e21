// What NetworkManager's key files say of each interface (nm-settings-keyfile(5)).
import { familyOf } from '../../../netlink/ip-address.ts'
import type { Link } from '../../../netlink/link.ts'
import { configured, mtuOf, type ConfigFiles, type Configured } from './configured.ts'
import { globMatches } from './glob.ts'
import { parseIni, valueOf, type Section } from './ini.ts'
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

const DIRECTORIES = ['/etc', '/run', '/usr/lib'].map(
  (directory) => `${directory}/NetworkManager/system-connections`,
)
const ETHERNET = ['ethernet', '802-3-ethernet']

export function networkManager(files: ConfigFiles, links: readonly Link[]): Configured[] {
  return DIRECTORIES.flatMap((directory) =>
    files
      .list(directory)
      .filter((name) => !/^\.|~$|\.bak$/.test(name))
      .toSorted()
      .flatMap((name) => connection(files, `${directory}/${name}`, links)),
  )
}

/** /run/NetworkManager/devices/INDEX names the connection that a device has. */
export function usesConnection(files: ConfigFiles, link: Link, uuid: string | undefined): boolean {
  const state = parseIni(files.read(`/run/NetworkManager/devices/${link.index}`) ?? '', false)
  const current = valueOf(state, 'device', 'connection-uuid')
  return current !== undefined && current.toLowerCase() === uuid?.toLowerCase()
}

function connection(files: ConfigFiles, path: string, links: readonly Link[]): Configured[] {
  const sections = parseIni(files.read(path) ?? '', false)
  const type = valueOf(sections, 'connection', 'type') ?? 'ethernet'
  const uuid = valueOf(sections, 'connection', 'uuid')
  const name = valueOf(sections, 'connection', 'interface-name')
  const isEthernet = ETHERNET.includes(type)
  const own = links.filter((link) => !link.loopback && fits(sections, link, isEthernet))
  const found = own.map((link) => {
    const of = describe(link.name, path, sections)
    of.inUse = usesConnection(files, link, uuid)
    return of
  })
  const isAbsent = found.length === 0 && name !== undefined && sections.length > 0
  return isAbsent ? [describe(name, path, sections)] : found
}

/** By name, MAC address and pattern; a connection with none of them is for every Ethernet interface. */
function fits(sections: readonly Section[], link: Link, isEthernet: boolean): boolean {
  const name = valueOf(sections, 'connection', 'interface-name')
  if (name !== undefined) return name === link.name
  if (!isEthernet || !link.ethernet) return false
  const of = (key: string): string | undefined =>
    ETHERNET.map((section) => valueOf(sections, section, key)).find((value) => value !== undefined)
  const mac = of('mac-address')
  if (mac !== undefined) {
    const own = [macText(link.mac), macText(link.permanentMac ?? Buffer.alloc(0))]
    return own.includes(macOf(mac))
  }
  const patterns = wordsOf(valueOf(sections, 'match', 'interface-name') ?? '')
  if (patterns.length > 0) return patterns.some((pattern) => globMatches(pattern, link.name))
  return sections.length > 0 && link.kind === null
}

function describe(name: string, path: string, sections: readonly Section[]): Configured {
  const of = configured(name, path)
  const [four, six] = [methodOf(sections, 'ipv4'), methodOf(sections, 'ipv6')]
  of.dhcp4 = four === 'auto'
  of.dhcp6 = six === 'dhcp'
  of.autoconf6 = six === 'auto' ? true : six === 'dhcp' || six === null ? null : false
  of.mtuBytes =
    ETHERNET.map((section) => mtuOf(valueOf(sections, section, 'mtu'))).find(
      (mtu) => mtu !== null && mtu > 0,
    ) ?? null
  for (const section of sections) {
    if (section.name === 'ipv4' || section.name === 'ipv6') addFamily(of, section)
  }
  return of
}

const methodOf = (sections: readonly Section[], family: string): string | null =>
  valueOf(sections, family, 'method') ?? null

function addFamily(of: Configured, section: Section): void {
  const isOff = /^(disabled|ignore)$/.test(valueOf([section], section.name, 'method') ?? '')
  for (const [key, value] of section.entries) {
    if (isOff) continue
    // address1=192.0.2.7/24,192.0.2.1; older ones 192.0.2.7;24;192.0.2.1;
    if (/^address(es)?\d*$/.test(key)) addAddresses(of, key, value)
    else if (key === 'gateway') addGateway(of, value)
    else if (/^routes?\d*$/.test(key)) addRoute(of, value, section.name === 'ipv4' ? 4 : 6)
    else if (/^route\d+_options$/.test(key)) of.policyRouting ||= value.includes('table=')
    else if (key === 'route-table' && value !== '0') of.policyRouting = true
    else if (/^routing-rule\d+$/.test(key)) of.policyRouting = true
    else if (key === 'dns') of.nameServers.push(...ipsOf(wordsOf(value).map(withoutName)))
    else if (key === 'dns-search') of.searchDomains.push(...domainsOf(value))
  }
}

/** `192.0.2.53#dns.example` */
const withoutName = (server: string): string => server.replace(/#.*/, '')

const domainsOf = (value: string): string[] =>
  wordsOf(value).filter((domain) => !domain.startsWith('~'))

function addAddresses(of: Configured, key: string, value: string): void {
  const words = wordsOf(value)
  if (words[0]?.includes('/') === true) {
    // `addresses=` lists them, `address1=` has a gateway behind.
    const addresses = key === 'addresses' ? words : words.slice(0, 1)
    of.addresses.push(
      ...addresses.map((text) => cidrOf(text)).filter((address) => address !== null),
    )
    if (key !== 'addresses') addGateway(of, words[1] ?? '')
    return
  }
  const address = cidrOf(words[0] ?? '', words[1] ?? null)
  if (address !== null) of.addresses.push(address)
  addGateway(of, words[2] ?? '')
}

function addGateway(of: Configured, text: string): void {
  const gateway = ipOf(text)
  // 0.0.0.0: none.
  if (gateway === null || gateway === '0.0.0.0' || gateway === '::') return
  of.routes.push({ destination: defaultRoute(familyOf(gateway)), gateway, metric: null })
}

/** route1=10.0.0.0/8,192.0.2.3,50 */
function addRoute(of: Configured, value: string, family: 4 | 6): void {
  const [to = '', via = '', metric] = wordsOf(value)
  const destination = destinationOf(to, family)
  const gateway = ipOf(via)
  if (destination === null) return
  const isNone = gateway === '0.0.0.0' || gateway === '::'
  of.routes.push({ destination, gateway: isNone ? null : gateway, metric: metricOf(metric) })
}
