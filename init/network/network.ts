// The node's network, in the background: every interface that is there or comes later, and the name servers.
import type { Native } from '../../sys/native.ts'
import { openPacketSocket, openUdpSocket } from './dhcp-socket.ts'
import {
  createStaticInterface,
  DhcpInterface,
  type Interface,
  type InterfaceEnvironment,
} from './interface.ts'
import type { Cidr } from '../../netlink/ip-address.ts'
import { decodeKept, encodeKept, macText, type KeptNetwork } from './kept-network.ts'
import { NameServers } from './name-servers.ts'
import type { NetlinkMessage } from '../../netlink/netlink.ts'
import { NetlinkProtocol, openNetlink, subscribe } from '../../netlink/netlink-socket.ts'
import { solicitRouters } from './router-solicitation.ts'
import type { Link } from '../../netlink/link.ts'
import { RouteGroup, RouteMessage } from '../../netlink/rtnetlink-message.ts'
import { createRtnetlink, type Rtnetlink } from '../../netlink/rtnetlink.ts'
import type { Timers } from './timers.ts'

export interface NetworkSettings {
  /** null: DHCP everywhere. `interface` null: the first one. */
  address: { interface: string | null; cidr: Cidr } | null
  gateway: string | null
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
/** Made in software by someone who configures them too. Not veth, which is a container's eth0. */
const FOREIGN_KINDS = new Set([
  'bareudp',
  'bond',
  'bridge',
  'dummy',
  'erspan',
  'geneve',
  'gretap',
  'gtp',
  'hsr',
  'ifb',
  'ip6gretap',
  'ipvlan',
  'ipvtap',
  'macsec',
  'macvlan',
  'macvtap',
  'netdevsim',
  'openvswitch',
  'team',
  'tun',
  'vlan',
  'vrf',
  'vxlan',
])

const isManaged = ({ ethernet, loopback, master, kind }: Link): boolean =>
  ethernet && !loopback && master === null && !FOREIGN_KINDS.has(kind ?? '')

/** Returns at once; whatever fails is reported and tried again for ever. */
export function startNetwork(options: NetworkOptions): Network {
  return new RunningNetwork(options)
}

class RunningNetwork implements Network {
  readonly #options: NetworkOptions
  readonly #interfaces = new Map<number, Interface>()
  readonly #nameServers: NameServers
  #rtnetlink: Rtnetlink | null = null
  #unsubscribe: (() => void) | null = null
  #disarmRetry: (() => void) | null = null
  #reconciling = false
  /** The name of the interface that the settings' address belongs to, once it is known. */
  #staticName: string | null
  #hostname: string | null = null
  #closed = false
  /** What the life before has left; each part is taken once, by its interface. */
  readonly #resumed: KeptNetwork
  /** The interfaces that were there at the start have taken it: from now on we know better. */
  #settled = false
  #saved = ''

  constructor(options: NetworkOptions) {
    this.#options = options
    this.#resumed = decodeKept(options.resume)
    this.#staticName = options.settings.address?.interface ?? null
    this.#nameServers = new NameServers({
      timers: options.timers,
      preferred: options.settings.nameServers,
      interfaces: this.#interfaces,
      path: options.resolvConfPath,
      warn: (problem, error) => options.warn(`network: ${problem}`, error),
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
    for (const item of this.#interfaces.values()) item.close()
    this.#interfaces.clear()
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
      this.#reconcile(this.#rtnetlink)
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

  #reconcile(rtnetlink: Rtnetlink): void {
    const links = rtnetlink.links()
    for (const link of links) {
      if (link.loopback && !link.up) rtnetlink.setUp(link.index)
    }
    const managed = links.filter(isManaged).sort((a, b) => a.index - b.index)
    for (const [index, item] of this.#interfaces) {
      if (!managed.some((link) => link.index === index)) this.#remove(index, item)
    }
    for (const link of managed) {
      const known = this.#interfaces.get(link.index)
      if (known === undefined) this.#add(rtnetlink, link)
      else known.update(link)
    }
    if (this.#settled) {
      this.#save()
      return
    }
    this.#settled = true
    this.#leasesChanged()
  }

  #add(rtnetlink: Rtnetlink, link: Link): void {
    const { native, settings, timers, random, say, warn } = this.#options
    const environment: InterfaceEnvironment = {
      rtnetlink,
      timers,
      random,
      hostname: settings.hostname,
      openDhcpSocket: (kind, on, received) =>
        (kind === 'packet' ? openPacketSocket : openUdpSocket)(native, on, received),
      say,
      warn: (problem, error) => warn(`network: ${problem}`, error),
      changed: () => this.#leasesChanged(),
    }
    this.#interfaces.set(link.index, this.#configured(environment, link))
    if (link.up && link.carrier) this.#solicit(link)
  }

  #configured(environment: InterfaceEnvironment, link: Link): Interface {
    const { address, gateway } = this.#options.settings
    const { leases, statics, servers } = this.#resumed
    // Down, it has lost its routes; after the start, it is one that came back.
    const goesOn = link.up && !this.#settled
    const before = <T extends { link: number; mac: string }>(all: readonly T[]): T | undefined =>
      all.find((one) => goesOn && one.link === link.index && one.mac === macText(link.mac))
    if (goesOn) {
      this.#nameServers.restore(servers.filter((server) => server.link === link.index))
    }
    if (address !== null) this.#staticName ??= link.name
    if (address === null || link.name !== this.#staticName) {
      return new DhcpInterface(environment, link, before(leases)?.lease ?? null)
    }
    const wanted = { address: address.cidr, gateway }
    const there = JSON.stringify(before(statics)?.set) === JSON.stringify(wanted)
    return createStaticInterface(environment, link, wanted, there)
  }

  #solicit(link: Link): void {
    try {
      solicitRouters(this.#options.native, link.index)
    } catch (error) {
      this.#options.warn(`network: ${link.name}: routers are not asked for name servers`, error)
    }
  }

  #remove(index: number, item: Interface): void {
    this.#interfaces.delete(index)
    item.close()
    this.#nameServers.forgetLink(index)
  }

  /** Not in the middle of a start: half of what was resumed would be forgotten. */
  #save(): void {
    if (!this.#settled || this.#closed) return
    const all = [...this.#interfaces]
    const text = encodeKept({
      leases: all.flatMap(([link, { mac, lease }]) => (lease ? [{ link, mac, lease }] : [])),
      statics: all.flatMap(([link, { mac, set }]) => (set ? [{ link, mac, set }] : [])),
      servers: this.#nameServers.kept(),
    })
    if (text === this.#saved) return
    this.#saved = text
    this.#options.save(JSON.parse(text))
  }

  #leasesChanged(): void {
    this.#nameServers.update()
    this.#save()
    const leases = [...this.#interfaces.values()].map(({ lease }) => lease)
    const hostname =
      leases.find((lease) => lease !== null && lease.hostname !== null)?.hostname ?? null
    if (hostname === null || hostname === this.#hostname) return
    this.#hostname = hostname
    if (this.#options.settings.hostname === null) this.#options.onHostname(hostname)
  }
}
