// What the network of one life leaves to the next. Addresses and routes stay in the kernel when PID 1 dies;
// this is what is known of them.
import { amount, list, nullable, record, string, type Decoder } from '../../protocol/decode.ts'
import type { Lease } from './dhcp-lease.ts'
import type { Route } from './dhcp-message.ts'
import type { Cidr } from '../../netlink/ip-address.ts'
import type { AdvertisedServer } from './rdnss.ts'

/** An interface, told from one that has taken its number meanwhile. */
interface LinkId {
  link: number
  /** Hexadecimal. */
  mac: string
}
export interface KeptServer extends AdvertisedServer {
  /** Monotonic over lives; Infinity: never. */
  expiresAtMs: number
}
export interface KeptNetwork {
  leases: readonly (LinkId & { lease: Lease })[]
  /** By their digests: configurations whose fixed part is set. */
  fixed: readonly (LinkId & { digest: string })[]
  servers: readonly KeptServer[]
}

export const macText = (mac: Uint8Array): string => Buffer.from(mac).toString('hex')

/** A note of the life record holds 4,092, with a little around it (init/node-notes.ts). */
const BYTES_MAX = 3800

/** JSON has no Infinity. */
const instant: Decoder<number> = (value, path) => nullable(amount)(value, path) ?? Infinity
const cidr = record<Cidr>({ address: string, prefix: amount })
const lease = record<Lease>({
  address: cidr,
  server: string,
  routes: list(record<Route>({ destination: cidr, gateway: string })),
  nameServers: list(string),
  hostname: nullable(string),
  domain: nullable(string),
  mtuBytes: nullable(amount),
  renewAtMs: instant,
  rebindAtMs: instant,
  expiresAtMs: instant,
})
const network = record<KeptNetwork>({
  leases: list(record({ link: amount, mac: string, lease })),
  fixed: list(record({ link: amount, mac: string, digest: string })),
  servers: list(
    record<KeptServer>({
      link: amount,
      address: string,
      lifetimeSeconds: amount,
      expiresAtMs: instant,
    }),
  ),
})

export const NOTHING_KEPT: KeptNetwork = { leases: [], fixed: [], servers: [] }

/** What the life before has saved; nothing when there was none, or one of another version. */
export function decodeKept(saved: unknown): KeptNetwork {
  try {
    return network(saved, 'network')
  } catch {
    return NOTHING_KEPT
  }
}

/**
 * As JSON. A lease that does not fit is left out: the next life asks for the same address again, as it sets
 * again, without disturbing it, what was fixed.
 */
export function encodeKept(kept: KeptNetwork): string {
  const text = JSON.stringify(kept)
  if (Buffer.byteLength(text) <= BYTES_MAX) return text
  const { leases, servers, fixed } = kept
  if (leases.length > 0) return encodeKept({ ...kept, leases: leases.slice(0, -1) })
  if (servers.length > 0) return encodeKept({ ...kept, servers: servers.slice(0, -1) })
  return encodeKept({ ...kept, fixed: fixed.slice(0, -1) })
}
