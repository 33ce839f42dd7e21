// One network interface: brought up, then configured by DHCP or from the settings.
import type { Lease } from './dhcp-lease.ts'
import type { DhcpMessage } from './dhcp-message.ts'
import { DhcpRunner } from './dhcp-runner.ts'
import type { DhcpSocket } from './dhcp-socket.ts'
import type { Cidr } from './ip-address.ts'
import { applyIpv4, dynamicAddresses, leaseConfig, staticConfig } from './ipv4-config.ts'
import type { Link, Rtnetlink } from './rtnetlink.ts'
import type { Timers } from './timers.ts'

export interface StaticAddress {
  address: Cidr
  gateway: string | null
}

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
  readonly lease: Lease | null
  /** News about the same interface. */
  update(link: Link): void
  /** It is gone. */
  close(): void
}

export function createStaticInterface(
  environment: InterfaceEnvironment,
  first: Link,
  { address, gateway }: StaticAddress,
): Interface {
  const { rtnetlink, timers, say, warn } = environment
  let link = first
  let disarm: (() => void) | null = null
  const report = (problem: string, error: unknown): void => warn(`${link.name}: ${problem}`, error)
  const apply = (): void => {
    disarm = null
    try {
      rtnetlink.setUp(link.index)
      applyIpv4(rtnetlink, link, staticConfig(address, gateway), report)
      say(`network: ${link.name} ${address.address}/${address.prefix} as set`)
    } catch (error) {
      report('the address is refused', error)
      disarm = timers.after(STATIC_RETRY_MS, apply)
    }
  }
  apply()
  return {
    get name() {
      return link.name
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

  constructor(environment: InterfaceEnvironment, link: Link) {
    const { timers, hostname, openDhcpSocket } = environment
    this.#environment = environment
    this.#link = { ...link, carrier: false }
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

  #setUp(): void {
    try {
      this.#environment.rtnetlink.setUp(this.#link.index)
    } catch (error) {
      this.#report('cannot be brought up', error)
    }
  }

  /** The address that an earlier life of PID 1 has left: asked for again, it stays the same. */
  #hint(): string | null {
    try {
      const { rtnetlink } = this.#environment
      return dynamicAddresses(rtnetlink, this.#link.index)[0]?.address ?? null
    } catch (error) {
      this.#report('cannot be asked for its addresses', error)
      return null
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
