// What Red Hat's /etc/sysconfig/network-scripts says of each interface (initscripts' sysconfig.txt).
import { familyOf, ipBytes, ipText } from '../../../netlink/ip-address.ts'
import type { Link } from '../../../netlink/link.ts'
import { configured, mtuOf, truth, type ConfigFiles, type Configured } from './configured.ts'
import {
  cidrOf,
  customaryPrefix,
  defaultRoute,
  ipOf,
  ipsOf,
  macOf,
  macText,
  wordsOf,
} from './ip-text.ts'
import { usesConnection } from './network-manager.ts'
import { ipRoute, metricOf } from './route-words.ts'
import { shellAssignments } from './shell-assignments.ts'

const DIRECTORY = '/etc/sysconfig/network-scripts'
const GLOBAL = '/etc/sysconfig/network'
/** What editors and packages leave beside a file. */
const LEFT_OVER = /(~|\.(bak|old|orig|rpmnew|rpmorig|rpmsave|swp))$/

type Values = ReadonlyMap<string, string>

export function ifcfg(files: ConfigFiles, links: readonly Link[]): Configured[] {
  const found = new Map<string, Configured>()
  const names = files.list(DIRECTORY).filter((name) => name.startsWith('ifcfg-'))
  // The interface's own file comes before its aliases' (ifcfg-eth0:1).
  for (const name of names.filter((one) => !LEFT_OVER.test(one)).toSorted()) {
    const path = `${DIRECTORY}/${name}`
    const values = shellAssignments(files.read(path) ?? '')
    for (const device of devicesOf(name.slice('ifcfg-'.length), values, links)) {
      if (device === 'lo') continue
      const into = found.get(device) ?? configured(device, path)
      found.set(device, into)
      const link = links.find((one) => one.name === device)
      into.inUse ||= link !== undefined && usesConnection(files, link, values.get('UUID'))
      addValues(into, values)
    }
  }
  for (const of of found.values()) addRouteFiles(files, of)
  addGlobal([...found.values()], shellAssignments(files.read(GLOBAL) ?? ''))
  return [...found.values()]
}

/** By DEVICE, else by the hardware's address, else by the file's name; one that names none is for every one. */
function devicesOf(suffix: string, values: Values, links: readonly Link[]): string[] {
  const plain = (name: string): string => name.replace(/:.*/, '').replace(/-range\d+$/, '')
  const device = values.get('DEVICE')
  const mac = macOf(values.get('HWADDR') ?? '')
  const isThere = (name: string): boolean => links.some((link) => link.name === name)
  if (device !== undefined && device !== '') return [plain(device)]
  const byMac = links.find((link) => mac !== null && macText(link.mac) === mac)
  if (byMac !== undefined) return [byMac.name]
  const name = plain(suffix)
  if (isThere(name) || mac !== null || !values.has('NAME')) return [name]
  return links.filter((link) => link.ethernet && link.kind === null).map((link) => link.name)
}

function addValues(into: Configured, values: Values): void {
  const value = (name: string): string => values.get(name) ?? ''
  into.dhcp4 ||= /^(dhcp|bootp)$/i.test(value('BOOTPROTO'))
  into.dhcp6 ||= truth(value('DHCPV6C')) === true
  into.autoconf6 ??= truth(value('IPV6_AUTOCONF'))
  into.mtuBytes ??= mtuOf(value('MTU'))
  for (const n of ['', ...Array.from({ length: 64 }, (_, i) => String(i))]) {
    addNumbered(into, values, n)
  }
  addRange(into, values)
  const six = [value('IPV6ADDR'), ...wordsOf(value('IPV6ADDR_SECONDARIES'))]
  const addresses = six.map((text) => cidrOf(text, null, customaryPrefix))
  into.addresses.push(...addresses.filter((address) => address !== null))
  addGateway(into, value('IPV6_DEFAULTGW'), null)
  const servers = Array.from({ length: 9 }, (_, i) => value(`DNS${i + 1}`))
  into.nameServers.push(...ipsOf(servers))
  into.searchDomains.push(...['DOMAIN', 'SEARCH'].flatMap((name) => wordsOf(value(name))))
}

/** IPADDR, IPADDR0 and so on, with NETMASK or PREFIX, and their gateways. */
function addNumbered(into: Configured, values: Values, n: string): void {
  const value = (name: string): string | undefined => values.get(`${name}${n}`) || undefined
  const mask = value('PREFIX') ?? value('NETMASK') ?? null
  const address = cidrOf(value('IPADDR') ?? '', mask, customaryPrefix)
  if (address !== null) into.addresses.push(address)
  addGateway(into, value('GATEWAY') ?? '', metricOf(values.get('METRIC')))
}

function addGateway(into: Configured, text: string, metric: number | null): void {
  const gateway = ipOf(text)
  if (gateway === null) return
  into.routes.push({ destination: defaultRoute(familyOf(gateway)), gateway, metric })
}

const RANGE_MAX = 256

/** ifcfg-eth0-range0: every address from the first to the last. */
function addRange(into: Configured, values: Values): void {
  const [first, last] = ['IPADDR_START', 'IPADDR_END'].map((name) => ipOf(values.get(name) ?? ''))
  if (first == null || last == null || familyOf(first) === 6 || familyOf(last) === 6) return
  const [from, to] = [ipBytes(first).readUInt32BE(), ipBytes(last).readUInt32BE()]
  const mask = values.get('PREFIX') ?? values.get('NETMASK') ?? null
  for (let number = from; number <= to && number - from < RANGE_MAX; number++) {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(number)
    const address = cidrOf(ipText(bytes), mask)
    if (address !== null) into.addresses.push(address)
  }
}

/** route-eth0 and route6-eth0, either as `ip route add` has it or as ADDRESS0, NETMASK0, GATEWAY0. */
function addRouteFiles(files: ConfigFiles, of: Configured): void {
  for (const [prefix, family] of [
    ['route', 4],
    ['route6', 6],
  ] as const) {
    const text = files.read(`${DIRECTORY}/${prefix}-${of.interface}`) ?? ''
    if (/^\s*ADDRESS\d+=/m.test(text)) addNumberedRoutes(of, shellAssignments(text))
    else {
      for (const line of text.split(/\r?\n/)) {
        const written = ipRoute(line.replace(/#.*/, '').split(/\s+/).filter(Boolean), family)
        if (written === null) continue
        const { destination, gateway, metric, table } = written
        if (table === null) of.routes.push({ destination, gateway, metric })
        else of.policyRouting = true
      }
    }
  }
  const rules = ['rule', 'rule6'].map((prefix) =>
    files.read(`${DIRECTORY}/${prefix}-${of.interface}`),
  )
  of.policyRouting ||= rules.some((text) => text !== null && /^\s*[^#\s]/m.test(text))
}

function addNumberedRoutes(of: Configured, values: Values): void {
  for (const name of values.keys()) {
    const [, n] = /^ADDRESS(\d+)$/.exec(name) ?? []
    if (n === undefined) continue
    const destination = cidrOf(values.get(name) ?? '', values.get(`NETMASK${n}`) ?? null)
    const gateway = ipOf(values.get(`GATEWAY${n}`) ?? '')
    const metric = metricOf(values.get(`METRIC${n}`))
    if (destination !== null) of.routes.push({ destination, gateway, metric })
  }
}

/** GATEWAY is the interface's whose network it is in: which one, the kernel knows. */
function addGlobal(all: readonly Configured[], values: Values): void {
  const device = values.get('GATEWAYDEV')
  const gateway = ipOf(values.get('GATEWAY') ?? '')
  for (const of of all) {
    const isIts = device === of.interface
    if (gateway !== null && (device === undefined || isIts)) addGateway(of, gateway, null)
    else if (isIts) of.routes.push({ destination: defaultRoute(4), gateway: null, metric: null })
    if (values.get('IPV6_DEFAULTDEV') === of.interface) {
      of.routes.push({ destination: defaultRoute(6), gateway: null, metric: null })
    }
    addGateway(of, values.get('IPV6_DEFAULTGW') ?? '', null)
  }
}
