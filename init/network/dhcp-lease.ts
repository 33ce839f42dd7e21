// What a DHCPACK grants, checked: the rest of the node trusts a lease.
import type { DhcpMessage, Route } from './dhcp-message.ts'
import { classfulPrefix, isHostAddress, prefixOfMask, type Cidr } from '../../netlink/ip-address.ts'

export interface Lease {
  address: Cidr
  server: string
  /** Default route included, as 0.0.0.0/0. */
  routes: readonly Route[]
  nameServers: readonly string[]
  hostname: string | null
  domain: string | null
  mtuBytes: number | null
  /** Monotonic times; Infinity for a lease without end. */
  renewAtMs: number
  rebindAtMs: number
  expiresAtMs: number
}

/** A server that grants less would keep us busy with nothing else. */
const LEASE_SECONDS_MIN = 10
const INFINITE_SECONDS = 0xffffffff
/** Below it the kernel switches IPv6 off on the link (RFC 8200, section 5). */
const MTU_BYTES_MIN = 1280
const DEFAULT: Cidr = { address: '0.0.0.0', prefix: 0 }

/** RFC 1123 names, which is also what is safe to write into a resolv.conf. */
const NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i

export const isDomainName = (text: string): boolean => NAME.test(text)

/** Null when the message grants nothing usable. `sentAtMs` is when the request left (RFC 2131, 4.4.1). */
export function leaseOf(ack: DhcpMessage, sentAtMs: number): Lease | null {
  const { serverId, leaseSeconds, subnetMask, mtuBytes } = ack.options
  if (ack.type !== 'ack' || serverId === undefined) return null
  if (leaseSeconds === undefined || !isHostAddress(ack.yourAddress)) return null
  const prefix = subnetMask === undefined ? null : prefixOfMask(subnetMask)
  return {
    address: { address: ack.yourAddress, prefix: prefix ?? classfulPrefix(ack.yourAddress) },
    server: serverId,
    routes: routesOf(ack),
    nameServers: (ack.options.nameServers ?? []).filter(isHostAddress),
    hostname: nameOrNull(ack.options.hostname),
    domain: nameOrNull(ack.options.domain),
    mtuBytes: mtuBytes !== undefined && mtuBytes >= MTU_BYTES_MIN ? mtuBytes : null,
    ...times(ack, leaseSeconds, sentAtMs),
  }
}

const nameOrNull = (name: string | undefined): string | null => {
  const bare = (name ?? '').replace(/\.$/, '')
  return isDomainName(bare) ? bare : null
}

/** RFC 3442: with classless routes the router option does not count. Only the first router is used. */
function routesOf({ options }: DhcpMessage): Route[] {
  if (options.routes !== undefined) return options.routes
  const router = options.routers?.find(isHostAddress)
  return router === undefined ? [] : [{ destination: DEFAULT, gateway: router }]
}

type Times = Pick<Lease, 'renewAtMs' | 'rebindAtMs' | 'expiresAtMs'>

function times({ options }: DhcpMessage, leaseSeconds: number, sentAtMs: number): Times {
  if (leaseSeconds === INFINITE_SECONDS) {
    return { renewAtMs: Infinity, rebindAtMs: Infinity, expiresAtMs: Infinity }
  }
  const lease = Math.max(leaseSeconds, LEASE_SECONDS_MIN)
  const sane = (value: number | undefined, standard: number): number =>
    value !== undefined && value > 0 && value < lease ? value : standard
  const rebind = sane(options.rebindingSeconds, lease * 0.875)
  const renew = sane(options.renewalSeconds, lease * 0.5)
  return {
    renewAtMs: sentAtMs + Math.min(renew, rebind) * 1000,
    rebindAtMs: sentAtMs + rebind * 1000,
    expiresAtMs: sentAtMs + lease * 1000,
  }
}
