// Sentences about an interface where the running system and its files say different things.
import { familyOf } from '../../../netlink/ip-address.ts'
import { RouteOrigin, RouteTable } from '../../../netlink/route.ts'
import type { PlannedInterface, PlannedRoute } from '../../../protocol/network-plan.ts'
import { routeText, type Configured } from './configured.ts'
import { bitsOf, cidrText, isLinkLocal, isLoopback, macText } from './ip-text.ts'
import { isListedRoute, plannedRoute, type Known } from './known.ts'

/** `byDhcp6`: addresses of which it is said already whence they came. */
export function differences(
  known: Known,
  planned: PlannedInterface,
  byDhcp6: readonly string[],
): string[] {
  const { files, link } = known
  const hints = [...macHints(known), ...sourceHints(known)]
  if (files !== null) {
    return [
      ...added(known, files, planned, byDhcp6),
      ...missing(known, files),
      ...files.notes,
      ...hints,
    ]
  }
  if (planned.addresses.length + planned.routes.length === 0) return hints
  return [
    `${link.name}: no file configures it; its addresses and routes are kept as they are now`,
    ...hints,
  ]
}

function added(
  known: Known,
  files: Configured,
  planned: PlannedInterface,
  byDhcp6: readonly string[],
): string[] {
  const listed = new Set([...byDhcp6, ...files.addresses.map(({ address }) => address)])
  const addresses = planned.addresses.filter(({ address }) => !listed.has(address))
  const routes = planned.routes.filter(
    (route) => !isListedRoute(known, route) && !isGatewaysOwn(route, planned),
  )
  const things = [
    ...addresses.map((address) => `the address ${cidrText(address)}`),
    ...routes.map((route) => `the route to ${routeText(route)}`),
  ]
  return things.map(
    (thing) =>
      `${known.link.name}: ${thing} is not in ${files.source}: by hand, it seems, or by a program; ` +
      'it is kept',
  )
}

/** The host route to a gateway, which tools add by themselves for `onlink` and `pointopoint`. */
const isGatewaysOwn = (
  { destination, gateway }: PlannedRoute,
  { routes }: PlannedInterface,
): boolean =>
  gateway === null &&
  destination.prefix === bitsOf(destination.address) &&
  routes.some((route) => route.gateway === destination.address)

function missing({ addresses, link }: Known, files: Configured): string[] {
  const present = new Set(addresses.map(({ address }) => address))
  return files.addresses
    .filter(({ address }) => !present.has(address) && !isLoopback(address))
    .map(
      (address) =>
        `${link.name}: ${cidrText(address)} of ${files.source} is not on the interface now, ` +
        'and is left out',
    )
}

function macHints({ link, mac }: Known): string[] {
  const now = macText(link.mac)
  if (now === null || mac === now) return []
  const own = mac === null ? "the hardware's own" : `${mac}, the hardware's own`
  return [`${link.name}: the old system gave it the MAC address ${now}; on the node it has ${own}`]
}

/** Which of several addresses packets carry is not part of a plan. */
function sourceHints({ link, routes, addresses }: Known): string[] {
  return routes.flatMap((route) => {
    const { origin, source, destination, table } = route
    const isMade = origin === RouteOrigin.boot || origin === RouteOrigin.static
    if (!isMade || source === null || table !== RouteTable.main) return []
    const family = familyOf(destination.address)
    const first = addresses.find(
      (one) => one.family === family && !isLinkLocal(one.address) && !isLoopback(one.address),
    )
    if (first === undefined || first.address === source) return []
    const text = routeText(plannedRoute(route))
    return [
      `${link.name}: packets on the route to ${text} carry the source address ${source}; ` +
        'a node leaves the choice to the kernel',
    ]
  })
}
