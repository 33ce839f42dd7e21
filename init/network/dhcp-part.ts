// Of one interface: its lease by DHCP.
import type { Cidr } from '../../netlink/ip-address.ts'
import type { Link } from '../../netlink/link.ts'
import type { Lease } from './dhcp-lease.ts'
import { DhcpRunner } from './dhcp-runner.ts'
import type { InterfaceEnvironment } from './interface-environment.ts'
import { applyLease, dynamicAddresses } from './lease-config.ts'

export interface DhcpOptions {
  link: Link
  /** Instead of what the server says; null: as it says. */
  mtuBytes: number | null
  /** The lease that the life before had on this interface. */
  resumed: Lease | null
}

export class DhcpPart {
  readonly #environment: InterfaceEnvironment
  readonly #runner: DhcpRunner
  readonly #mtuBytes: number | null
  #link: Link
  #started = false
  #lease: Lease | null = null

  /** The interface is up, or has been told to be. */
  constructor(environment: InterfaceEnvironment, { link, mtuBytes, resumed }: DhcpOptions) {
    const { timers, hostname, openDhcpSocket } = environment
    this.#environment = environment
    this.#mtuBytes = mtuBytes
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
    if (link.up && resumed !== null) this.#resume(link, resumed)
    this.update(link)
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
    applyLease(
      { rtnetlink, link: this.#link, nowMs: timers.nowMs() },
      { ...lease, mtuBytes: this.#mtuBytes ?? lease.mtuBytes },
      (problem, error) => this.#report(problem, error),
    )
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
