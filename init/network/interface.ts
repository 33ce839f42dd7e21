// One network interface: brought up, then configured by DHCP or from the settings.
import type { Lease } from './dhcp-lease.ts'
import type { DhcpMessage } from './dhcp-message.ts'
import { DhcpRunner } from './dhcp-runner.ts'
import type { DhcpSocket } from './dhcp-socket.ts'
import { applyIpv4, dynamicAddresses, leaseConfig, staticConfig } from './ipv4-config.ts'
import type { Cidr } from '../../netlink/ip-address.ts'
import { macText, type StaticAddress } from './kept-network.ts'
import type { Link } from '../../netlink/link.ts'
import type { Rtnetlink } from '../../netlink/rtnetlink.ts'
import type { Timers } from './timers.ts'

export interface InterfaceEnvironment {
  rtnetlink: Rtnetlink
  timers: Timers
  random: () => number
  /** Told to DHCP servers; null: nothing. */
  hostname: string | null
  openDhcpSocket: (
    kind: 'packet' | 'udp',
    link: Link,
    received: (message: DhcpMessage) => void,
  ) => DhcpSocket
  /** One line for people. */
  say: (line: string) => void
  warn: (problem: string, error: unknown) => void
  /** The lease came, went or changed. */
  changed: () => void
}

const STATIC_RETRY_MS = 10_000

export interface Interface {
  readonly name: string
  /** Hexadecimal. */
  readonly mac: string
  readonly lease: Lease | null
  /** What it has from the settings. */
  readonly set: StaticAddress | null
  /** News about the same interface. */
  update(link: Link): void
  /** It is gone. */
  close(): void
}

/** `there`: the life before has set it. */
export function createStaticInterface(
  environment: InterfaceEnvironment,
  first: Link,
  wanted: StaticAddress,
  there: boolean,
): Interface {
  const { rtnetlink, timers, say, warn, changed } = environment
  const { address, gateway } = wanted
  let link = first
  let set = there ? wanted : null
  let disarm: (() => void) | null = null
  const report = (problem: string, error: unknown): void => warn(`${link.name}: ${problem}`, error)
  const apply = (): void => {
    disarm = null
    try {
      rtnetlink.setUp(link.index)
      applyIpv4(rtnetlink, link, staticConfig(address, gateway), report)
      say(`network: ${link.name} ${address.address}/${address.prefix} as set`)
      set = wanted
      changed()
    } catch (error) {
      report('the address is refused', error)
      disarm = timers.after(STATIC_RETRY_MS, apply)
    }
  }
  if (!there) apply()
  return {
    get name() {
      return link.name
    },
    mac: macText(first.mac),
    get set() {
      return set
    },
    lease: null,
    update: (news) => void (link = news),
    close: () => disarm?.(),
  }
}

export class DhcpInterface implements Interface {
  readonly #environment: InterfaceEnvironment
  readonly #runner: DhcpRunner
  #link: Link
  #started = false
  #lease: Lease | null = null
  readonly mac: string
  readonly set = null

  /** `resumed`: the lease that the life before had on this interface. */
  constructor(environment: InterfaceEnvironment, link: Link, resumed: Lease | null) {
    const { timers, hostname, openDhcpSocket } = environment
    this.#environment = environment
    this.#link = { ...link, carrier: false }
    this.mac = macText(link.mac)
    this.#runner = new DhcpRunner({
      client: { mac: link.mac, hostname },
      timers,
      random: () => environment.random(),
      open: (kind, received) => openDhcpSocket(kind, this.#link, received),
      configure: (lease) => this.#configure(lease),
      deconfigure: (lease) => this.#deconfigure(lease),
      report: (problem, error) => this.#report(problem, error),
    })
    if (!link.up) this.#setUp()
    else if (resumed !== null) this.#resume(link, resumed)
    this.update(link)
  }

  get name(): string {
    return this.#link.name
  }

  get lease(): Lease | null {
    return this.#lease
  }

  update(link: Link): void {
    const carrierCame = link.carrier && !this.#link.carrier
    this.#link = link
    if (!carrierCame) return
    if (this.#started) this.#runner.linkUp()
    else this.#runner.start(this.#hint())
    this.#started = true
  }

  close(): void {
    this.#runner.stop()
  }

  /** The kernel has its address and routes: nothing is touched, the lease goes on. */
  #resume(link: Link, lease: Lease): void {
    const { address } = lease.address
    if (this.#addresses().every((cidr) => cidr.address !== address)) return
    // Also without a carrier: when that comes, the lease is confirmed.
    this.#link = link
    this.#started = true
    this.#lease = lease
    this.#runner.resume(lease)
  }

  #setUp(): void {
    try {
      this.#environment.rtnetlink.setUp(this.#link.index)
    } catch (error) {
      this.#report('cannot be brought up', error)
    }
  }

  /** The address that an earlier life of PID 1 has left: asked for again, it stays the same. */
  #hint(): string | null {
    return this.#addresses()[0]?.address ?? null
  }

  #addresses(): Cidr[] {
    try {
      return dynamicAddresses(this.#environment.rtnetlink, this.#link.index)
    } catch (error) {
      this.#report('cannot be asked for its addresses', error)
      return []
    }
  }

  #configure(lease: Lease): void {
    const { rtnetlink, timers, say, changed } = this.#environment
    const config = leaseConfig(lease, timers.nowMs())
    applyIpv4(rtnetlink, this.#link, config, (problem, error) => this.#report(problem, error))
    const { address, prefix } = lease.address
    if (this.#lease?.address.address !== address) {
      say(`network: ${this.#link.name} ${address}/${prefix} by DHCP`)
    }
    this.#lease = lease
    changed()
  }

  #deconfigure(lease: Lease): void {
    const { rtnetlink, say, changed } = this.#environment
    this.#lease = null
    changed()
    say(`network: ${this.#link.name} has lost ${lease.address.address}`)
    try {
      rtnetlink.deleteAddress(this.#link.index, lease.address)
    } catch (error) {
      // The kernel was quicker with an address whose time is over, or the interface is gone.
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EADDRNOTAVAIL' && code !== 'ENODEV') throw error
    }
  }

  #report(problem: string, error: unknown): void {
    this.#environment.warn(`${this.#link.name}: ${problem}`, error)
  }
}
