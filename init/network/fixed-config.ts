// Gives an interface the addresses and routes that the plan or the settings have for it.
import { familyOf, inNetwork, isHostAddress, networkOf } from '../../netlink/ip-address.ts'
import { RouteOrigin, type NewRoute } from '../../netlink/route.ts'
import type { Rtnetlink } from '../../netlink/rtnetlink.ts'
import type { PlannedAddress, PlannedRoute } from '../../protocol/network-plan.ts'
import type { InterfaceConfig } from './interface-config.ts'
import { PRIORITY_BASE } from './lease-config.ts'

/** Says whether the kernel has taken it, and reports it otherwise. */
export type Attempt = (what: string, act: () => void) => boolean

export const cidrText = ({ address, prefix }: PlannedAddress): string => `${address}/${prefix}`

/** Adds and replaces, so that what is there already is not disturbed. False when something is refused. */
export function applyFixed(
  rtnetlink: Rtnetlink,
  link: number,
  config: Pick<InterfaceConfig, 'addresses' | 'routes'>,
  attempt: Attempt,
): boolean {
  const addresses = config.addresses.map((address) =>
    attempt(`address ${cidrText(address)}`, () =>
      rtnetlink.putAddress({ ...address, link, validSeconds: null }),
    ),
  )
  const routes = fixedRoutes(link, config).map((route) =>
    attempt(`route ${cidrText(route.destination)} by ${route.gateway ?? 'the link'}`, () =>
      rtnetlink.putRoute(route),
    ),
  )
  return [...addresses, ...routes].every((done) => done)
}

/** In the order in which the kernel takes them: a gateway may be reachable only through another route. */
export function fixedRoutes(
  link: number,
  { addresses, routes }: Pick<InterfaceConfig, 'addresses' | 'routes'>,
): NewRoute[] {
  const onLink = routes.filter(({ gateway }) => gateway === null)
  const byGateway = routes.filter(({ gateway }) => gateway !== null)
  const networks = [...addresses, ...onLink.map(({ destination }) => destination)]
  return [...onLink, ...gatewayRoutes(byGateway, networks), ...byGateway].map((route) => ({
    link,
    destination: {
      address: networkOf(route.destination),
      prefix: route.destination.prefix,
    },
    gateway: route.gateway,
    onLink: route.gateway !== null && both4(route.gateway, route.destination.address),
    source: sourceOf(route, addresses),
    priority: route.metric ?? PRIORITY_BASE + link,
    origin: RouteOrigin.static,
  }))
}

const both4 = (one: string, other: string): boolean => familyOf(one) === 4 && familyOf(other) === 4

const LINK_LOCAL = { address: 'fe80::', prefix: 10 }
const DEFAULT_ROUTE_BITS = 0

/** To each IPv6 gateway outside our networks: that it is on the link can be said only since Linux 4.16. */
function gatewayRoutes(
  routes: readonly PlannedRoute[],
  networks: readonly PlannedAddress[],
): PlannedRoute[] {
  const known = [LINK_LOCAL, ...networks.filter(({ prefix }) => prefix > DEFAULT_ROUTE_BITS)]
  const gateways = routes
    .map(({ gateway }) => gateway ?? '')
    .filter((gateway) => familyOf(gateway) === 6)
    .filter((gateway) => !known.some((network) => inNetwork(network, gateway)))
  return [...new Set(gateways)].map((address) => ({
    ...{ destination: { address, prefix: 128 }, gateway: null, metric: null },
  }))
}

/**
 * IPv4: the address in the network of the gateway, else the first one. IPv6: the kernel's choice
 * (RFC 6724), since it refuses an address that is not proven to be unique yet.
 */
function sourceOf(route: PlannedRoute, addresses: readonly PlannedAddress[]): string | null {
  const { destination, gateway } = route
  if (familyOf(destination.address) === 6) return null
  const ours = addresses.filter(({ address }) => familyOf(address) === 4 && isHostAddress(address))
  const near = ours.find((cidr) => inNetwork(cidr, gateway ?? destination.address))
  return (near ?? ours[0])?.address ?? null
}
