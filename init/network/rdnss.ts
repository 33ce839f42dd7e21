// Name servers from IPv6 router advertisements (RFC 8106), as the kernel passes them on.
import { ipv6Text } from '../../netlink/ip-address.ts'
import type { KeptServer } from './kept-network.ts'
import type { NetlinkMessage } from '../../netlink/netlink.ts'
import { RouteMessage } from '../../netlink/rtnetlink-message.ts'

export interface AdvertisedServer {
  link: number
  address: string
  /** 0 withdraws it. */
  lifetimeSeconds: number
}

const OPTION_RDNSS = 25
const ROUTER_ADVERTISEMENT = 134
/** struct nduseroptmsg. */
const HEADER_BYTES = 16
/** The option's own header: type, length in units of eight bytes, two reserved bytes, the lifetime. */
const OPTION_HEADER_BYTES = 8
const ADDRESS_BYTES = 16

/** The name servers in a message; none when it is about something else. */
export function advertisedServers({ type, payload }: NetlinkMessage): AdvertisedServer[] {
  if (type !== RouteMessage.newNdUserOption || payload.length < HEADER_BYTES) return []
  if (payload[8] !== ROUTER_ADVERTISEMENT) return []
  const link = payload.readInt32LE(4)
  const area = payload.subarray(HEADER_BYTES, HEADER_BYTES + payload.readUInt16LE(2))
  const servers: AdvertisedServer[] = []
  for (let at = 0; at + OPTION_HEADER_BYTES <= area.length;) {
    const bytes = (area[at + 1] ?? 0) * 8
    if (bytes === 0 || at + bytes > area.length) break
    if (area[at] === OPTION_RDNSS) servers.push(...readOption(area.subarray(at, at + bytes), link))
    at += bytes
  }
  return servers
}

function readOption(option: Buffer, link: number): AdvertisedServer[] {
  const lifetimeSeconds = option.readUInt32BE(4)
  const count = Math.floor((option.length - OPTION_HEADER_BYTES) / ADDRESS_BYTES)
  return Array.from({ length: count }, (_, i) => ({
    link,
    address: ipv6Text(option, OPTION_HEADER_BYTES + i * ADDRESS_BYTES),
    lifetimeSeconds,
  }))
}

const INFINITE_SECONDS = 0xffffffff
/** A router that advertises more is not one we need to remember all of. */
const SERVERS_MAX = 16

/** Keeps what was advertised until it expires. */
export class AdvertisedServers {
  readonly #expiry = new Map<string, { server: AdvertisedServer; expiresAtMs: number }>()

  update(servers: readonly AdvertisedServer[], nowMs: number): void {
    for (const server of servers) {
      const key = `${server.link} ${server.address}`
      const known = this.#expiry.has(key)
      if (server.lifetimeSeconds === 0) this.#expiry.delete(key)
      else if (known || this.#expiry.size < SERVERS_MAX) {
        const infinite = server.lifetimeSeconds === INFINITE_SECONDS
        const expiresAtMs = infinite ? Infinity : nowMs + server.lifetimeSeconds * 1000
        this.#expiry.set(key, { server, expiresAtMs })
      }
    }
  }

  /** When the next one expires; Infinity when none does. */
  get nextExpiryMs(): number {
    return Math.min(Infinity, ...[...this.#expiry.values()].map(({ expiresAtMs }) => expiresAtMs))
  }

  /** Those that are still valid; the others are forgotten. */
  valid(nowMs: number): AdvertisedServer[] {
    for (const [key, { expiresAtMs }] of this.#expiry) {
      if (expiresAtMs <= nowMs) this.#expiry.delete(key)
    }
    return [...this.#expiry.values()].map(({ server }) => server)
  }

  /** What `restore` of the next life takes. */
  kept(): KeptServer[] {
    return [...this.#expiry.values()].map(({ server, expiresAtMs }) => ({ ...server, expiresAtMs }))
  }

  restore(servers: readonly KeptServer[]): void {
    for (const { expiresAtMs, ...server } of servers.slice(0, SERVERS_MAX)) {
      this.#expiry.set(`${server.link} ${server.address}`, { server, expiresAtMs })
    }
  }

  forgetLink(link: number): void {
    for (const [key, { server }] of this.#expiry) {
      if (server.link === link) this.#expiry.delete(key)
    }
  }
}
