// Gives an interface the IPv4 address and routes of a lease.
import type { Lease } from './dhcp-lease.ts'
import { networkOf, type Cidr } from '../../netlink/ip-address.ts'
import type { Link } from '../../netlink/link.ts'
import { RouteOrigin } from '../../netlink/route.ts'
import type { Rtnetlink } from '../../netlink/rtnetlink.ts'

/** Among interfaces, the one that the kernel found first is preferred. */
export const PRIORITY_BASE = 100
const ON_LINK = '0.0.0.0'
/** The kernel counts lifetimes in 32 bits, all ones being "for ever". */
const SECONDS_MAX = 0xfffffffe

/** The kernel removes the address then, also when no PID 1 of ours is alive to do it; null: never. */
function validSeconds({ expiresAtMs }: Lease, nowMs: number): number | null {
  if (expiresAtMs === Infinity) return null
  return Math.min(Math.max(Math.ceil((expiresAtMs - nowMs) / 1000), 1), SECONDS_MAX)
}

/**
 * Removes addresses of an earlier lease and adds what is missing. Gateways outside the address's
 * network (usual with /32) are taken to be on the link. Throws SysError when there is no address
 * afterwards; a route or MTU that is refused is reported.
 */
export function applyLease(
  { rtnetlink, link, nowMs }: { rtnetlink: Rtnetlink; link: Link; nowMs: number },
  lease: Lease,
  report: (problem: string, error: unknown) => void,
): void {
  const attempt = (what: string, act: () => void): void => {
    try {
      act()
    } catch (error) {
      report(`${what} is refused`, error)
    }
  }
  const { address, mtuBytes } = lease
  if (mtuBytes !== null && mtuBytes !== link.mtuBytes) {
    attempt(`MTU ${mtuBytes}`, () => rtnetlink.setMtu(link.index, mtuBytes))
  }
  // First: an address in the same network as an older one hangs on it, and would go with it.
  attempt('removing an old address', () => removeOthers(rtnetlink, link, address))
  rtnetlink.putAddress({ ...address, link: link.index, validSeconds: validSeconds(lease, nowMs) })
  // Routes on the link itself first: a gateway may be reachable only through one of them.
  const onLinkFirst = [...lease.routes].sort(
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
      origin: RouteOrigin.dhcp,
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
