// Of one interface: its MTU, that it is up, how it takes IPv6 from routers, and its fixed addresses and routes.
import type { Link } from '../../netlink/link.ts'
import { applyFixed, cidrText } from './fixed-config.ts'
import { familyOf } from '../../netlink/ip-address.ts'
import { configDigest, sameAddress, type InterfaceConfig } from './interface-config.ts'
import type { InterfaceEnvironment } from './interface-environment.ts'
import { setIpv6Mode } from './ipv6-mode.ts'

const RETRY_MS = 10_000

export class FixedPart {
  readonly #environment: InterfaceEnvironment
  readonly #config: InterfaceConfig
  readonly #digest: string
  #link: Link
  #applied = false
  /** Said once: what is tried again for ever must not fill the log. */
  readonly #reported = new Set<string>()
  #disarm: (() => void) | null = null

  /** `resumed`: the digest of what the life before has set. */
  constructor(
    environment: InterfaceEnvironment,
    link: Link,
    config: InterfaceConfig,
    resumed: string | null,
  ) {
    this.#environment = environment
    this.#link = link
    this.#config = config
    this.#digest = configDigest(config)
    if (link.up && (this.#isEmpty() || this.#isThere(resumed))) this.#applied = true
    else this.#apply()
  }

  /** What the next life is to be told; null while something is missing. */
  get digest(): string | null {
    return this.#applied && !this.#isEmpty() ? this.#digest : null
  }

  update(link: Link): void {
    this.#link = link
  }

  close(): void {
    this.#disarm?.()
  }

  #isEmpty(): boolean {
    const { mtuBytes, autoconf6, addresses, routes } = this.#config
    return mtuBytes === null && autoconf6 === null && addresses.length + routes.length === 0
  }

  /** The kernel still has it all. */
  #isThere(resumed: string | null): boolean {
    if (resumed !== this.#digest) return false
    try {
      const there = this.#environment.rtnetlink
        .addresses()
        .filter(({ link }) => link === this.#link.index)
      return this.#config.addresses.every(({ address, prefix }) =>
        there.some((one) => one.prefix === prefix && sameAddress(one.address, address)),
      )
    } catch (error) {
      this.#report('it cannot be asked for its addresses', error)
      return false
    }
  }

  #apply(): void {
    const { rtnetlink, files, timers, changed } = this.#environment
    const { index, name } = this.#link
    const { mtuBytes } = this.#config
    this.#disarm = null
    const ipv6 = setIpv6Mode(files, name, this.#config, (problem, error) =>
      this.#report(problem, error),
    )
    const config = ipv6 ? this.#config : withoutIpv6(this.#config)
    const done = [
      mtuBytes === null ||
        mtuBytes === this.#link.mtuBytes ||
        this.#attempt(`MTU ${mtuBytes}`, () => rtnetlink.setMtu(index, mtuBytes)),
      this.#attempt('to be brought up', () => rtnetlink.setUp(index)),
      applyFixed(rtnetlink, index, config, (what, act) => this.#attempt(what, act)),
    ].every((one) => one)
    if (!done) {
      this.#disarm = timers.after(RETRY_MS, () => this.#apply())
      return
    }
    this.#applied = true
    this.#say(config)
    if (!this.#isEmpty()) changed()
  }

  #say({ addresses }: InterfaceConfig): void {
    if (addresses.length === 0) return
    const text = addresses.map(cidrText).join(' ')
    this.#environment.say(`network: ${this.#link.name} ${text} as set`)
  }

  #attempt(what: string, act: () => void): boolean {
    try {
      act()
      return true
    } catch (error) {
      this.#report(`${what} is refused`, error)
      return false
    }
  }

  #report(problem: string, error: unknown): void {
    if (this.#reported.has(problem)) return
    this.#reported.add(problem)
    this.#environment.warn(`${this.#link.name}: ${problem}`, error)
  }
}

function withoutIpv6(config: InterfaceConfig): InterfaceConfig {
  const isFour = (address: string): boolean => familyOf(address) === 4
  return {
    ...config,
    addresses: config.addresses.filter(({ address }) => isFour(address)),
    routes: config.routes.filter(
      ({ destination, gateway }) =>
        isFour(destination.address) && (gateway === null || isFour(gateway)),
    ),
  }
}
