// Which name servers the node uses: the settings' or the plan's, then those of the leases, then the routers'.
import type { ConfiguredResolver } from './configured-resolver.ts'
import type { Lease } from './dhcp-lease.ts'
import type { KeptServer } from './kept-network.ts'
import type { NetlinkMessage } from '../../netlink/netlink.ts'
import { AdvertisedServers, advertisedServers, type AdvertisedServer } from './rdnss.ts'
import { resolvConf, writeResolvConf } from './resolv-conf.ts'
import type { Timers } from './timers.ts'

export interface NamedInterface {
  readonly name: string
  readonly lease: Lease | null
}

export interface NameServersOptions {
  timers: Timers
  configured: () => ConfiguredResolver
  /** By interface number. */
  interfaces: ReadonlyMap<number, NamedInterface>
  path: string
  warn: (problem: string, error: unknown) => void
  onChange: (content: string) => void
}

/** setTimeout's limit. */
const TIMER_MS_MAX = 2 ** 31 - 1

export class NameServers {
  readonly #options: NameServersOptions
  readonly #advertised = new AdvertisedServers()
  #disarm: (() => void) | null = null
  #content: string | null = null

  constructor(options: NameServersOptions) {
    this.#options = options
  }

  /** resolv.conf's text; null while no name server is known. */
  get content(): string | null {
    return this.#content
  }

  hearRouter(message: NetlinkMessage): void {
    const { interfaces, timers } = this.#options
    const servers = advertisedServers(message).filter(({ link }) => interfaces.has(link))
    if (servers.length === 0) return
    this.#advertised.update(servers, timers.nowMs())
    this.update()
  }

  /** What routers have advertised, for the next life. */
  kept(): KeptServer[] {
    return this.#advertised.kept()
  }

  /** Counts from the next `update` on. */
  restore(servers: readonly KeptServer[]): void {
    this.#advertised.restore(servers)
  }

  forgetLink(link: number): void {
    this.#advertised.forgetLink(link)
    this.update()
  }

  /** Brings the file up to date. While no name server is known, what is there stays. */
  update(): void {
    const { timers, configured, interfaces, path, warn, onChange } = this.#options
    const leases = [...interfaces.values()].map(({ lease }) => lease).filter((l) => l !== null)
    const advertised = this.#advertised.valid(timers.nowMs())
    this.#armExpiry()
    const { preferred, spare } = configured()
    const nameServers = [
      ...preferred.nameServers,
      ...leases.flatMap((lease) => lease.nameServers),
      ...advertised.map((server) => this.#withScope(server)),
      ...spare.nameServers,
    ]
    if (nameServers.length === 0) return
    const domains = leases.map(({ domain }) => domain).filter((domain) => domain !== null)
    const searchDomains = [...preferred.searchDomains, ...domains, ...spare.searchDomains]
    const content = resolvConf({ nameServers, searchDomains })
    const changed = content !== this.#content
    this.#content = content
    try {
      writeResolvConf(path, content)
    } catch (error) {
      warn(`${path} is not written`, error)
    }
    if (changed) onChange(content)
  }

  close(): void {
    this.#disarm?.()
  }

  /** A link-local address means nothing without its interface. */
  #withScope({ address, link }: AdvertisedServer): string {
    const scoped = /^fe[89ab]/.test(address)
    return scoped ? `${address}%${this.#options.interfaces.get(link)?.name ?? ''}` : address
  }

  #armExpiry(): void {
    this.#disarm?.()
    this.#disarm = null
    const { timers } = this.#options
    const waitMs = this.#advertised.nextExpiryMs - timers.nowMs()
    if (waitMs === Infinity) return
    this.#disarm = timers.after(Math.min(Math.max(waitMs, 0), TIMER_MS_MAX), () => this.update())
  }
}
