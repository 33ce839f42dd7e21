// For tests: a system as it was found. fixtures/NAME/root has its files where they lie, fixtures/NAME/kernel.json
// what `ip -j -d address` and `ip -j -d route show table all` printed there (fixtures/README.md).
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Address } from '../../../netlink/address.ts'
import type { Link } from '../../../netlink/link.ts'
import { RouteOrigin, RouteTable, RouteType, type Route } from '../../../netlink/route.ts'
import type { ConfigFiles } from './configured.ts'
import { destinationOf, macOf } from './ip-text.ts'
import type { KernelNetwork } from './kernel-network.ts'

export const FIXTURES = join(import.meta.dirname, 'fixtures')

interface PrintedLink {
  ifindex: number
  ifname: string
  flags: string[]
  mtu: number
  link_type: string
  address?: string
  permaddr?: string
  master?: string
  linkinfo?: { info_kind: string }
  addr_info: PrintedAddress[]
}

interface PrintedAddress {
  family: string
  local: string
  prefixlen: number
  scope: string
  dynamic?: boolean
}

interface PrintedRoute {
  type: string
  dst: string
  gateway?: string
  via?: { host: string }
  dev?: string
  table: string
  protocol: string
  prefsrc?: string
  metric?: number
  flags?: string[]
  nexthops?: { gateway?: string; dev: string; flags: string[] }[]
}

interface Printed {
  addresses: PrintedLink[]
  routes: PrintedRoute[]
  routes6: PrintedRoute[]
}

export function recordedFiles(name: string): ConfigFiles {
  const root = join(FIXTURES, name, 'root')
  const at = (path: string): string => join(root, path)
  const stat = (path: string) => statSync(at(path), { throwIfNoEntry: false })
  return {
    read: (path) => (stat(path)?.isFile() === true ? readFileSync(at(path), 'utf8') : null),
    list: (directory) =>
      stat(directory)?.isDirectory() === true
        ? readdirSync(at(directory)).toSorted().toReversed()
        : [],
  }
}

export function recordedKernel(name: string): KernelNetwork {
  const text = readFileSync(join(FIXTURES, name, 'kernel.json'), 'utf8')
  const { addresses, routes, routes6 } = JSON.parse(text) as Printed
  const indexes = new Map(addresses.map((link) => [link.ifname, link.ifindex]))
  return {
    links: () => addresses.map((link) => linkOf(link, indexes)),
    addresses: () =>
      addresses.flatMap((link) => link.addr_info.map((one) => addressOf(one, link.ifindex))),
    routes: () => [
      ...routes.flatMap((route) => routesOf(route, 4, indexes)),
      ...routes6.flatMap((route) => routesOf(route, 6, indexes)),
    ],
  }
}

type Indexes = ReadonlyMap<string, number>

const macBytes = (text = ''): Uint8Array =>
  Buffer.from((macOf(text) ?? '').replaceAll(':', ''), 'hex')

function linkOf(link: PrintedLink, indexes: Indexes): Link {
  const has = (flag: string): boolean => link.flags.includes(flag)
  return {
    index: link.ifindex,
    name: link.ifname,
    up: has('UP'),
    carrier: has('LOWER_UP'),
    loopback: has('LOOPBACK'),
    ethernet: link.link_type === 'ether',
    pointToPoint: has('POINTOPOINT'),
    mac: macBytes(link.address),
    permanentMac: link.permaddr === undefined ? null : macBytes(link.permaddr),
    mtuBytes: link.mtu,
    master: indexes.get(link.master ?? '') ?? null,
    kind: link.linkinfo?.info_kind ?? null,
  }
}

const addressOf = (one: PrintedAddress, link: number): Address => ({
  family: one.family === 'inet' ? 4 : 6,
  ...{ address: one.local, prefix: one.prefixlen, link },
  permanent: one.dynamic !== true,
  linkLocal: one.scope === 'link',
})

function routesOf(route: PrintedRoute, family: 4 | 6, indexes: Indexes): Route[] {
  const destination = destinationOf(route.dst, family)
  if (destination === null) throw new Error(`BUG: ${route.dst} is no destination`)
  const named = (names: Readonly<Record<string, number>>, name: string): number =>
    names[name] ?? Number(name)
  const common = {
    ...{ family, destination, source: route.prefsrc ?? null, priority: route.metric ?? 0 },
    origin: named(RouteOrigin, route.protocol),
    table: named(RouteTable, route.table),
    type: named(RouteType, route.type),
  }
  const hops = route.nexthops ?? [route]
  return hops.map((hop) => ({
    ...common,
    link: indexes.get(hop.dev ?? '') ?? null,
    gateway: hop.gateway ?? route.via?.host ?? null,
    onLink: hop.flags?.includes('onlink') === true,
  }))
}
