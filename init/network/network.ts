// The node's network, in the background: every interface that is there or comes later, and the name servers.
import type { Native } from '../../sys/native.ts'
import type { NetworkPlan } from '../../protocol/network-plan.ts'
import { configuredResolver } from './configured-resolver.ts'
import { openPacketSocket, openUdpSocket } from './dhcp-socket.ts'
import type { Link } from '../../netlink/link.ts'
import type { NetlinkMessage } from '../../netlink/netlink.ts'
import { NetlinkProtocol, openNetlink, subscribe } from '../../netlink/netlink-socket.ts'
import { RouteGroup, RouteMessage } from '../../netlink/rtnetlink-message.ts'
import { createRtnetlink, type Rtnetlink } from '../../netlink/rtnetlink.ts'
import type { AddressWords, InterfaceConfig } from './interface-config.ts'
import type { InterfaceEnvironment } from './interface-environment.ts'
import type { SysctlFiles } from './ipv6-mode.ts'
import { decodeKept, encodeKept, type KeptNetwork } from './kept-network.ts'
import { ManagedInterfaces } from './managed-interfaces.ts'
import { NameServers } from './name-servers.ts'
import { solicitRouters } from './router-solicitation.ts'
import type { Timers } from './timers.ts'

export interface NetworkSettings extends AddressWords {
  /** What the old system's network was; null: DHCP everywhere. The other settings count before it. */
  plan: NetworkPlan | null
  /** Preferred to what the network offers. */
  nameServers: readonly string[]
  hostname: string | null
}

export interface NetworkOptions {
  native: Native
  settings: NetworkSettings
  timers: Timers
  /** From 0 up to 1. */
  random: () => number
  /** Under /proc/sys. */
  files: SysctlFiles
  resolvConfPath: string
  /** What the life before gave to `save`; null in the first one. */
  resume: unknown
  /** Takes plain data of less than 4 KB, whenever it has changed. */
  save: (kept: unknown) => void
  /** One line for people. */
  say: (line: string) => void
  /** `error` is null when nothing failed on our side. */
  warn: (problem: string, error: unknown) => void
  /** resolv.conf has new content, which apps want in their roots. */
  onDnsChange: (content: string) => void
  /** What DHCP calls this machine; not called when the settings do. */
  onHostname: (name: string) => void
}

export interface Network {
  /** `10.0.2.15/24`, `2001:db8::5/64`: addresses by which others reach this machine. */
  addresses(): string[]
  /** resolv.conf's text; null while no name server is known. */
  resolvConf(): string | null
  close(): void
}

const RETRY_MS = 10_000
/** Returns at once; whatever fails is reported and tried again for ever. */
export function startNetwork(options: NetworkOptions): Network {
  return new RunningNetwork(options)
}

class RunningNetwork implements Network {
  readonly #options: NetworkOptions
  readonly #managed: ManagedInterfaces
  readonly #nameServers: NameServers
  #rtnetlink: Rtnetlink | null = null
  #unsubscribe: (() => void) | null = null
  #disarmRetry: (() => void) | null = null
  #reconciling = false
  #hostname: string | null = null
  #closed = false
  readonly #resumed: KeptNetwork
  /** The interfaces that were there at the start have taken what was kept: from now on we know better. */
  #settled = false
  #saved = ''

  constructor(options: NetworkOptions) {
    this.#options = options
    this.#resumed = decodeKept(options.resume)
    const { settings, timers } = options
    const warn = (problem: string, error: unknown): void =>
      options.warn(`network: ${problem}`, error)
    this.#managed = new ManagedInterfaces({
      ...{ plan: settings.plan, words: settings, resumed: this.#resumed, timers, warn },
      environment: (rtnetlink) => this.#environment(rtnetlink, warn),
      added: (link, config) => this.#added(link, config),
      removed: (index) => this.#nameServers.forgetLink(index),
      again: () => this.#open(),
    })
    this.#nameServers = new NameServers({
      ...{ timers, warn, interfaces: this.#managed.all, path: options.resolvConfPath },
      configured: () =>
        configuredResolver(settings.nameServers, settings.plan, this.#managed.fallback),
      onChange: (content) => options.onDnsChange(content),
    })
    this.#open()
    if (!this.#settled) this.#nameServers.update()
  }

  addresses(): string[] {
    try {
      return (this.#rtnetlink?.addresses() ?? [])
        .filter(
          ({ address, linkLocal }) =>
            !linkLocal && !address.startsWith('127.') && address !== '::1',
        )
        .map(({ address, prefix }) => `${address}/${prefix}`)
    } catch {
      return []
    }
  }

  resolvConf(): string | null {
    return this.#nameServers.content
  }

  close(): void {
    this.#closed = true
    this.#disarmRetry?.()
    this.#nameServers.close()
    this.#unsubscribe?.()
    this.#managed.close()
    this.#rtnetlink?.close()
  }

  #open(): void {
    const { native, warn } = this.#options
    try {
      this.#rtnetlink ??= createRtnetlink(openNetlink(native, NetlinkProtocol.route))
      // Before any interface is up, or the first router advertisement is missed.
      this.#unsubscribe ??= subscribe(
        native,
        NetlinkProtocol.route,
        [RouteGroup.link, RouteGroup.ndUserOption],
        { message: (message) => this.#heard(message), lost: () => this.#reconcileSoon() },
      )
      this.#managed.reconcile(this.#rtnetlink)
      if (this.#settled) this.#save()
      else this.#settle()
    } catch (error) {
      warn('network: the kernel does not answer', error)
      this.#disarmRetry?.()
      this.#disarmRetry = this.#options.timers.after(RETRY_MS, () => this.#open())
    }
  }

  #heard(message: NetlinkMessage): void {
    if (message.type === RouteMessage.newNdUserOption) {
      this.#nameServers.hearRouter(message)
      this.#save()
    } else this.#reconcileSoon()
  }

  /** Once for all the news of one turn of the event loop: apps may make interfaces by the hundred. */
  #reconcileSoon(): void {
    if (this.#reconciling) return
    this.#reconciling = true
    this.#options.timers.after(0, () => {
      this.#reconciling = false
      if (!this.#closed) this.#open()
    })
  }

  #settle(): void {
    this.#settled = true
    this.#leasesChanged()
  }

  #environment(
    rtnetlink: Rtnetlink,
    warn: (problem: string, error: unknown) => void,
  ): InterfaceEnvironment {
    const { native, settings, files, timers, random, say } = this.#options
    return {
      ...{ rtnetlink, files, timers, random, say, warn, hostname: settings.hostname },
      openDhcpSocket: (kind, on, received) =>
        (kind === 'packet' ? openPacketSocket : openUdpSocket)(native, on, received),
      changed: () => this.#leasesChanged(),
    }
  }

  #added(link: Link, { autoconf6 }: InterfaceConfig): void {
    // Down, it has lost its routes; after the start, it is one that came back.
    if (link.up && !this.#settled) {
      const { servers } = this.#resumed
      this.#nameServers.restore(servers.filter((server) => server.link === link.index))
    }
    if (link.up && link.carrier && autoconf6 !== false) this.#solicit(link)
  }

  #solicit(link: Link): void {
    try {
      solicitRouters(this.#options.native, link.index)
    } catch (error) {
      this.#options.warn(`network: ${link.name}: routers are not asked for name servers`, error)
    }
  }

  /** Not in the middle of a start: half of what was resumed would be forgotten. */
  #save(): void {
    if (!this.#settled || this.#closed) return
    const all = [...this.#managed.all]
    const text = encodeKept({
      leases: all.flatMap(([link, { mac, lease }]) => (lease ? [{ link, mac, lease }] : [])),
      fixed: all.flatMap(([link, { mac, digest }]) => (digest ? [{ link, mac, digest }] : [])),
      servers: this.#nameServers.kept(),
    })
    if (text === this.#saved) return
    this.#saved = text
    this.#options.save(JSON.parse(text))
  }

  #leasesChanged(): void {
    this.#nameServers.update()
    this.#save()
    const leases = [...this.#managed.all.values()].map(({ lease }) => lease)
    const hostname =
      leases.find((lease) => lease !== null && lease.hostname !== null)?.hostname ?? null
    if (hostname === null || hostname === this.#hostname) return
    this.#hostname = hostname
    if (this.#options.settings.hostname === null) this.#options.onHostname(hostname)
  }
}
