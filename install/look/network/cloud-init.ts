// What cloud-init was told of the network, versions 1 and 2: counts where nothing that it wrote is found.
import { familyOf } from '../../../netlink/ip-address.ts'
import type { Link } from '../../../netlink/link.ts'
import { configured, mtuOf, truth, type ConfigFiles, type Configured } from './configured.ts'
import {
  cidrOf,
  customaryPrefix,
  defaultRoute,
  destinationOf,
  ipOf,
  ipsOf,
  macOf,
  macText,
  wordsOf,
} from './ip-text.ts'
import { describeNetwork, readTree, type Complain } from './netplan.ts'
import { metricOf } from './route-words.ts'
import { listOf, mapOf, textOf, textsOf, type Tree } from './yaml-tree.ts'

const SYSTEM = '/etc/cloud/cloud.cfg.d'
/** What the instance was started with, the surest first. */
const INSTANCE = [
  '/run/cloud-init/network-config.json',
  '/var/lib/cloud/instance/network-config.json',
  '/var/lib/cloud/seed/nocloud-net/network-config',
  '/var/lib/cloud/seed/nocloud/network-config',
]

export function cloudInit(
  files: ConfigFiles,
  links: readonly Link[],
  complain: Complain,
): Configured[] {
  const found = findConfig(files, complain)
  if (found === null) return []
  const { path, network } = found
  if (textOf(network['version']) === '1') return versionOne(network, path, links)
  return describeNetwork(network, links, () => path).map(({ said }) => said)
}

/** The system's own configuration goes before the instance's; the last file of a directory counts. */
function findConfig(
  files: ConfigFiles,
  complain: Complain,
): { path: string; network: Tree } | null {
  const names = files.list(SYSTEM).filter((name) => name.endsWith('.cfg'))
  const system = names
    .toSorted()
    .toReversed()
    .map((name) => `${SYSTEM}/${name}`)
  for (const path of [...system, ...INSTANCE]) {
    // Most files there are of other things: they need not be parsed, nor complained about.
    if (files.read(path)?.includes('network') !== true && !INSTANCE.includes(path)) continue
    const tree = mapOf(readTree(files, path, complain))
    const network = mapOf(tree['network'] ?? (INSTANCE.includes(path) ? tree : null))
    if (textOf(network['config']) === 'disabled') return null
    if (textOf(network['version']) !== undefined) return { path, network }
  }
  return null
}

function versionOne(network: Tree, path: string, links: readonly Link[]): Configured[] {
  const items = listOf(network['config']).map(mapOf)
  const ofType = (...types: string[]): Tree[] =>
    items.filter((item) => types.includes(textOf(item['type']) ?? ''))
  const found = ofType('physical', 'bond', 'bridge', 'vlan', 'infiniband').map((item) =>
    describeItem(item, path, links),
  )
  // What is said of no interface is said of all.
  for (const of of found) {
    for (const item of ofType('nameserver')) {
      of.nameServers.push(...ipsOf(textsOf(item['address']).flatMap(wordsOf)))
      of.searchDomains.push(...textsOf(item['search']).flatMap(wordsOf))
    }
    for (const item of ofType('route')) addRoute(of, item)
  }
  return found
}

function describeItem(item: Tree, path: string, links: readonly Link[]): Configured {
  const mac = macOf(textOf(item['mac_address']) ?? '')
  const name = textOf(item['name']) ?? ''
  const byMac = links.find((link) => mac !== null && macText(link.mac) === mac)
  const isThere = links.some((link) => link.name === name)
  const of = configured(isThere ? name : (byMac?.name ?? name), path)
  of.autoconf6 = truth(textOf(item['accept-ra']))
  of.mtuBytes = mtuOf(textOf(item['mtu']))
  for (const subnet of listOf(item['subnets'])) addSubnet(of, mapOf(subnet))
  return of
}

function addSubnet(of: Configured, subnet: Tree): void {
  const type = textOf(subnet['type']) ?? ''
  of.dhcp4 ||= type === 'dhcp' || type === 'dhcp4'
  of.dhcp6 ||= type === 'dhcp6' || type.startsWith('ipv6_dhcpv6')
  if (type === 'ipv6_slaac' || type === 'ipv6_dhcpv6-stateless') of.autoconf6 = true
  const mask = textOf(subnet['netmask']) ?? textOf(subnet['prefix']) ?? null
  const address = cidrOf(textOf(subnet['address']) ?? '', mask, customaryPrefix)
  if (address !== null) of.addresses.push(address)
  const gateway = ipOf(textOf(subnet['gateway']) ?? '')
  if (gateway !== null) {
    const metric = metricOf(textOf(subnet['metric']))
    of.routes.push({ destination: defaultRoute(familyOf(gateway)), gateway, metric })
  }
  for (const route of listOf(subnet['routes'])) addRoute(of, mapOf(route))
  of.nameServers.push(...ipsOf(textsOf(subnet['dns_nameservers']).flatMap(wordsOf)))
  of.searchDomains.push(...textsOf(subnet['dns_search']).flatMap(wordsOf))
}

function addRoute(of: Configured, route: Tree): void {
  const gateway = ipOf(textOf(route['gateway']) ?? '')
  const to = textOf(route['destination']) ?? textOf(route['network']) ?? ''
  const mask = textOf(route['netmask']) ?? textOf(route['prefix']) ?? null
  const destination = destinationOf(to, familyOf(gateway ?? to), mask)
  if (destination !== null) {
    of.routes.push({ destination, gateway, metric: metricOf(textOf(route['metric'])) })
  }
}
