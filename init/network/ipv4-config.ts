// Gives an interface its IPv4 address and routes, from DHCP or from the settings.
import type { Lease } from './dhcp-lease.ts'
import type { Route } from './dhcp-message.ts'
import { networkOf, type Cidr } from '../../netlink/ip-address.ts'
import type { Link } from '../../netlink/link.ts'
import { RouteOrigin } from '../../netlink/route.ts'
import type { Rtnetlink } from '../../netlink/rtnetlink.ts'

export interface Ipv4Config {
  address: Cidr
  /** The kernel removes the address then, also when no PID 1 of ours is alive to do it; null: never. */
  validSeconds: number | null
  routes: readonly Route[]
  /** null: as it is. */
  mtuBytes: number | null
  origin: number
}

/** Among interfaces, the one that the kernel found first is preferred. */
const PRIORITY_BASE = 100
const ON_LINK = '0.0.0.0'
/** The kernel counts lifetimes in 32 bits, all ones being "for ever". */
const SECONDS_MAX = 0xfffffffe

export function leaseConfig(lease: Lease, nowMs: number): Ipv4Config {
  const seconds = Math.ceil((lease.expiresAtMs - nowMs) / 1000)
  return {
    address: lease.address,
    validSeconds:
      lease.expiresAtMs === Infinity ? null : Math.min(Math.max(seconds, 1), SECONDS_MAX),
    routes: lease.routes,
    mtuBytes: lease.mtuBytes,
    origin: RouteOrigin.dhcp,
  }
}

export function staticConfig(address: Cidr, gateway: string | null): Ipv4Config {
  const destination = { address: ON_LINK, prefix: 0 }
  return {
    address,
    validSeconds: null,
    routes: gateway === null ? [] : [{ destination, gateway }],
    mtuBytes: null,
    origin: RouteOrigin.static,
  }
}

/**
 * Removes addresses of an earlier lease and adds what is missing. Gateways outside the address's
 * network (usual with /32) are taken to be on the link. Throws SysError when there is no address
 * afterwards; a route or MTU that is refused is reported.
 */
export function applyIpv4(
  rtnetlink: Rtnetlink,
  link: Link,
  config: Ipv4Config,
  report: (problem: string, error: unknown) => void,
): void {
  const attempt = (what: string, act: () => void): void => {
    try {
      act()
    } catch (error) {
      report(`${what} is refused`, error)
    }
  }
  const { address, validSeconds, mtuBytes } = config
  if (mtuBytes !== null && mtuBytes !== link.mtuBytes) {
    attempt(`MTU ${mtuBytes}`, () => rtnetlink.setMtu(link.index, mtuBytes))
  }
  // First: an address in the same network as an older one hangs on it, and would go with it.
  attempt('removing an old address', () => removeOthers(rtnetlink, link, address))
  rtnetlink.putAddress({ ...address, link: link.index, validSeconds })
  // Routes on the link itself first: a gateway may be reachable only through one of them.
  const onLinkFirst = [...config.routes].sort(
    (a, b) => Number(b.gateway === ON_LINK) - Number(a.gateway === ON_LINK),
  )
  for (const { destination, gateway } of onLinkFirst) {
    const route = {
      link: link.index,
      destination: { address: networkOf(destination), prefix: destination.prefix },
      gateway: gateway === ON_LINK ? null : gateway,
      onLink: true,
      source: address.address,
      priority: PRIORITY_BASE + link.index,
      origin: config.origin,
    }
    const text = `route ${destination.address}/${destination.prefix} by ${gateway}`
    attempt(text, () => rtnetlink.putRoute(route))
  }
}

function removeOthers(rtnetlink: Rtnetlink, link: Link, keep: Cidr): void {
  for (const { address, prefix } of dynamicAddresses(rtnetlink, link.index)) {
    const same = address === keep.address && prefix === keep.prefix
    if (!same) rtnetlink.deleteAddress(link.index, { address, prefix })
  }
}

/** IPv4 addresses with a lifetime: those that a lease gave, perhaps to an earlier life of PID 1. */
export function dynamicAddresses(rtnetlink: Rtnetlink, link: number): Cidr[] {
  return rtnetlink
    .addresses()
    .filter((address) => address.link === link && address.family === 4 && !address.permanent)
}
