// The node's network, in the background: every interface that is there or comes later, and the name servers.
import type { Native } from '../../sys/native.ts'
import { openPacketSocket, openUdpSocket } from './dhcp-socket.ts'
import {
  createStaticInterface,
  DhcpInterface,
  type Interface,
  type InterfaceEnvironment,
} from './interface.ts'
import type { Cidr } from './ip-address.ts'
import { NameServers } from './name-servers.ts'
import type { NetlinkMessage } from './netlink.ts'
import { NetlinkProtocol, openNetlink, subscribe } from './netlink-socket.ts'
import { solicitRouters } from './router-solicitation.ts'
import {
  createRtnetlink,
  RouteGroup,
  RouteMessage,
  type Link,
  type Rtnetlink,
} from './rtnetlink.ts'
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

  constructor(options: NetworkOptions) {
    this.#options = options
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
    this.#nameServers.update()
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
    if (message.type === RouteMessage.newNdUserOption) this.#nameServers.hearRouter(message)
    else this.#reconcileSoon()
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
    if (settings.address !== null) this.#staticName ??= link.name
    if (settings.address !== null && link.name === this.#staticName) {
      const address = { address: settings.address.cidr, gateway: settings.gateway }
      this.#interfaces.set(link.index, createStaticInterface(environment, link, address))
    } else {
      this.#interfaces.set(link.index, new DhcpInterface(environment, link))
    }
    if (link.up && link.carrier) this.#solicit(link)
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

  #leasesChanged(): void {
    this.#nameServers.update()
    const leases = [...this.#interfaces.values()].map(({ lease }) => lease)
    const hostname =
      leases.find((lease) => lease !== null && lease.hostname !== null)?.hostname ?? null
    if (hostname === null || hostname === this.#hostname) return
    this.#hostname = hostname
    if (this.#options.settings.hostname === null) this.#options.onHostname(hostname)
  }
}
