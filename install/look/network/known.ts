// All that is known of each interface, from the kernel and from the files, before anything is decided.
import type { Address } from '../../../netlink/address.ts'
import { familyOf } from '../../../netlink/ip-address.ts'
import type { Link } from '../../../netlink/link.ts'
import { RouteOrigin, RouteTable, RouteType, type Route } from '../../../netlink/route.ts'
import type { PlannedRoute } from '../../../protocol/network-plan.ts'
import { choose } from './choose.ts'
import { routeText, type ConfigFiles, type Configured } from './configured.ts'
import { cidrText, macText } from './ip-text.ts'
import type { KernelNetwork } from './kernel-network.ts'
import type { FoundLease } from './leases.ts'

export interface Known {
  link: Link
  /** The hardware's own MAC address, by which the interface is found again; null: by its name. */
  mac: string | null
  addresses: readonly Address[]
  /** Unicast ones of every table but `local`. */
  routes: readonly Route[]
  /** null: no file names it. */
  files: Configured | null
  leases: readonly FoundLease[]
}

export function gather(
  files: ConfigFiles,
  kernel: KernelNetwork,
  said: readonly Configured[],
  leases: readonly FoundLease[],
): { known: Known[]; warnings: string[] } {
  const addresses = kernel.addresses()
  const { routes, warnings } = firstWays(
    kernel
      .routes()
      .filter(({ type, table }) => type === RouteType.unicast && table !== RouteTable.local),
  )
  const links = kernel.links().filter(({ loopback }) => !loopback)
  const known = links.map((link): Known => {
    const own = addresses.filter((address) => address.link === link.index)
    return {
      link,
      mac: hardwareMac(files, link),
      addresses: own,
      routes: routes.filter((route) => route.link === link.index),
      files: choose(
        said.filter((one) => one.interface === link.name),
        own,
      ),
      leases: leases.filter((lease) => lease.interface === link.name),
    }
  })
  return { known, warnings }
}

/** NET_ADDR_SET of <linux/netdevice.h>: somebody has given the device another MAC address. */
const ADDRESS_SET = '3'

function hardwareMac(files: ConfigFiles, link: Link): string | null {
  const permanent = macText(link.permanentMac ?? Buffer.alloc(0))
  if (permanent !== null) return permanent
  const assigned = files.read(`/sys/class/net/${link.name}/addr_assign_type`)?.trim()
  return link.kind === null && assigned === ADDRESS_SET ? null : macText(link.mac)
}

export const isListed = ({ files }: Known, { address }: Address): boolean =>
  files?.addresses.some((listed) => listed.address === address) === true

export const isListedRoute = ({ files }: Known, route: PlannedRoute): boolean =>
  files?.routes.some((listed) => routeText(listed) === routeText(route)) === true

/** The kernel's number for an IPv6 route that came without one (IP6_RT_PRIO_USER). */
const IPV6_METRIC = 1024

export function plannedRoute({ destination, gateway, priority }: Route): PlannedRoute {
  const usual = familyOf(destination.address) === 4 ? 0 : IPV6_METRIC
  return { destination, gateway, metric: priority === usual ? null : priority }
}

/** Whose routes come again by themselves. */
const BY_ITSELF: readonly number[] = [
  RouteOrigin.kernel,
  RouteOrigin.ra,
  RouteOrigin.redirect,
  RouteOrigin.dhcp,
]

/** A plan knows one gateway for a route: of several (multipath) the first stays. */
function firstWays(all: readonly Route[]): { routes: Route[]; warnings: string[] } {
  const seen = new Set<string>()
  const warnings: string[] = []
  const routes = all.filter((route) => {
    const { destination, priority, table, origin } = route
    const key = `${cidrText(destination)} ${priority} ${table}`
    if (BY_ITSELF.includes(origin)) return true
    if (seen.has(key)) {
      const text = routeText(plannedRoute(route))
      warnings.push(
        `of the gateways for ${cidrText(destination)} only the first is kept: not ${text}`,
      )
      return false
    }
    seen.add(key)
    return true
  })
  return { routes, warnings }
}
