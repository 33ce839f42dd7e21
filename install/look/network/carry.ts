// One interface as it is to be on the node: what the kernel has, and by the files' word whence it came.
import type { Address } from '../../../netlink/address.ts'
import { familyOf } from '../../../netlink/ip-address.ts'
import { RouteOrigin, RouteTable, type Route } from '../../../netlink/route.ts'
import type { PlannedInterface, PlannedRoute } from '../../../protocol/network-plan.ts'
import { routeText } from './configured.ts'
import { differences } from './differences.ts'
import { bitsOf, cidrText, isDefault, isLinkLocal, isLoopback, isModifiedEui64 } from './ip-text.ts'
import { isListed, isListedRoute, plannedRoute, type Known } from './known.ts'

export interface Carried {
  planned: PlannedInterface
  warnings: string[]
}

export function carry(known: Known): Carried {
  const warnings: string[] = []
  const addresses = known.addresses.filter(({ address }) => !isLoopback(address))
  const four = carryIpv4(
    known,
    addresses.filter(({ family }) => family === 4),
  )
  const six = carryIpv6(
    known,
    addresses.filter(({ family }) => family === 6),
  )
  const kept = [...four.kept, ...six.kept]
  const routes = keptRoutes(known, four.dhcp)
  const planned: PlannedInterface = {
    name: known.link.name,
    mac: known.mac,
    mtuBytes: mtuToKeep(known, four.dhcp),
    dhcp4: four.dhcp,
    autoconf6: six.autoconf,
    addresses: kept.map(({ address, prefix }) => ({ address, prefix })),
    routes: routes.map(plannedRoute).toSorted(onLinkFirst),
  }
  warnings.push(
    ...four.warnings,
    ...six.warnings,
    ...differences(four.isStale ? { ...known, files: null } : known, planned, six.byDhcp),
  )
  return { planned, warnings }
}

interface CarriedIpv4 {
  dhcp: boolean
  kept: Address[]
  /** The files ask for what is not in force. */
  isStale: boolean
  warnings: string[]
}

function carryIpv4(known: Known, addresses: readonly Address[]): CarriedIpv4 {
  const { files, leases, routes, link } = known
  const given = new Set(leases.flatMap((lease) => lease.addresses))
  const unlisted = addresses.filter((address) => !isListed(known, address))
  const timed = unlisted.filter(({ permanent }) => !permanent)
  const leased = unlisted.filter(({ address }) => given.has(address))
  const isWritten = files?.dhcp4 === true
  const isSeen =
    timed.length > 0 || routes.some(isDhcps) || (leased.length > 0 && (files === null || isWritten))
  // Old files of a system that is configured otherwise by now: the kernel would show a lease.
  const isStale = isWritten && !isSeen && !files.inUse && unlisted.length > 0
  const dhcp = isSeen || (isWritten && !isStale)
  let byDhcp = dhcp ? [...timed, ...leased] : []
  // A client that sets no lifetime and leaves no lease: the primary address is what it set.
  if (dhcp && byDhcp.length === 0) byDhcp = unlisted.slice(0, 1)
  const kept = addresses.filter(
    (address) =>
      !byDhcp.includes(address) && (isListed(known, address) || !isLinkLocal(address.address)),
  )
  const warnings = isStale
    ? [`${link.name}: ${files.source} asks for DHCP, by which no address came: it does not count`]
    : []
  return { dhcp, kept, isStale, warnings }
}

const isDhcps = ({ origin, destination }: Route): boolean =>
  origin === RouteOrigin.dhcp && familyOf(destination.address) === 4

interface CarriedIpv6 {
  autoconf: boolean
  kept: Address[]
  /** Of those. */
  byDhcp: string[]
  warnings: string[]
}

function carryIpv6(known: Known, addresses: readonly Address[]): CarriedIpv6 {
  const { files, leases, routes, link } = known
  const given = new Set(leases.flatMap((lease) => lease.addresses))
  const unlisted = addresses.filter(
    (address) => !isListed(known, address) && !isLinkLocal(address.address),
  )
  const byDhcp = unlisted.filter(
    ({ permanent, address, prefix }) => !permanent && (given.has(address) || prefix === 128),
  )
  const bySlaac = unlisted.filter(
    (address) =>
      !byDhcp.includes(address) &&
      (!address.permanent ||
        (files?.autoconf6 === true && isModifiedEui64(address.address, link.mac))),
  )
  const autoconf = files?.autoconf6 === true || bySlaac.length > 0 || routes.some(isAdvertised)
  // The kernel lists the newest first, and prefers it: on the node they are added in the same order.
  const kept = addresses
    .filter(
      (address) =>
        isListed(known, address) || (unlisted.includes(address) && !bySlaac.includes(address)),
    )
    .toReversed()
  const warnings = byDhcp.map(
    (address) =>
      `${link.name}: ${cidrText(address)} came by DHCPv6, which a node does not speak; it is kept as a static address`,
  )
  return { autoconf, kept, byDhcp: byDhcp.map(({ address }) => address), warnings }
}

/** Older kernels call the default routes of router advertisements their own. */
const isAdvertised = ({ origin, destination }: Route): boolean =>
  familyOf(destination.address) === 6 &&
  (origin === RouteOrigin.ra || (origin === RouteOrigin.kernel && isDefault(destination)))

/** The kernel's, a router's and DHCP's own routes come again by themselves. */
function keptRoutes(known: Known, dhcp: boolean): Route[] {
  const main = known.routes.filter(({ table }) => table === RouteTable.main)
  return main.filter((route) => {
    const { address } = route.destination
    if (isOwnAccord(route)) return false
    if (familyOf(address) === 6 || !dhcp) return true
    if (route.origin === RouteOrigin.dhcp) return false
    return isListedRoute(known, plannedRoute(route)) || !cameByDhcp(known, main, route)
  })
}

function isOwnAccord({ origin, destination, gateway }: Route): boolean {
  const { address, prefix } = destination
  // Red Hat's network scripts give every interface the route to 169.254/16.
  const zeroconf = address === '169.254.0.0' && prefix === 16 && gateway === null
  const ipv6Own = gateway === null && (address === 'fe80::' || address === 'ff00::')
  return (
    origin === RouteOrigin.kernel ||
    origin === RouteOrigin.ra ||
    origin === RouteOrigin.redirect ||
    zeroconf ||
    ipv6Own ||
    isLoopback(address)
  )
}

/** dhclient's script marks its routes as nobody's: the lease tells them, and else what such a route looks like. */
function cameByDhcp({ leases }: Known, all: readonly Route[], route: Route): boolean {
  const complete = leases.filter((lease) => lease.complete)
  const isOffered = ({ destination, gateway, origin }: Route): boolean =>
    isDefault(destination) && gateway !== null
      ? complete.length === 0
        ? origin === RouteOrigin.boot
        : complete.some(({ routers }) => routers.includes(gateway))
      : complete.some(({ routes }) => routes.includes(routeText(plannedRoute(route))))
  if (isOffered(route)) return true
  // The host route by which a gateway outside the network is reached.
  const { address, prefix } = route.destination
  return (
    route.gateway === null &&
    prefix === bitsOf(address) &&
    all.some((other) => other.gateway === address && other !== route && isOffered(other))
  )
}

/** A gateway can be behind one of them. */
const onLinkFirst = (a: PlannedRoute, b: PlannedRoute): number =>
  Number(a.gateway !== null) - Number(b.gateway !== null)

const USUAL_MTU = 1500

function mtuToKeep({ link, files, leases }: Known, dhcp: boolean): number | null {
  const { mtuBytes } = link
  if (files?.mtuBytes === mtuBytes) return mtuBytes
  if (mtuBytes === USUAL_MTU || mtuBytes === 0) return null
  // By DHCP's option, or the driver's own.
  if (dhcp && !leases.some((lease) => lease.complete && lease.mtuBytes !== mtuBytes)) return null
  return mtuBytes
}
