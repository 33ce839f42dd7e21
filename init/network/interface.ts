// One network interface: what is fixed about it, and beside that, where it is wanted, DHCP.
import type { Link } from '../../netlink/link.ts'
import type { Lease } from './dhcp-lease.ts'
import { DhcpPart } from './dhcp-part.ts'
import { FixedPart } from './fixed-part.ts'
import type { InterfaceConfig } from './interface-config.ts'
import type { InterfaceEnvironment } from './interface-environment.ts'
import { macText } from './kept-network.ts'

/** What the life before has left on it. */
export interface ResumedInterface {
  lease: Lease | null
  /** Of the configuration whose fixed part it has set. */
  digest: string | null
}

export class NetworkInterface {
  readonly #fixed: FixedPart
  readonly #dhcp: DhcpPart | null
  #link: Link
  /** Hexadecimal; empty for one without (venet0). */
  readonly mac: string

  constructor(
    environment: InterfaceEnvironment,
    link: Link,
    config: InterfaceConfig,
    { lease, digest }: ResumedInterface,
  ) {
    this.#link = link
    this.mac = macText(link.mac)
    this.#fixed = new FixedPart(environment, link, config, digest)
    const { dhcp4, mtuBytes } = config
    this.#dhcp = dhcp4 ? new DhcpPart(environment, { link, mtuBytes, resumed: lease }) : null
  }

  get name(): string {
    return this.#link.name
  }

  get lease(): Lease | null {
    return this.#dhcp?.lease ?? null
  }

  /** What it has that is fixed, for the next life; null while something is missing. */
  get digest(): string | null {
    return this.#fixed.digest
  }

  /** News about the same interface. */
  update(link: Link): void {
    this.#link = link
    this.#fixed.update(link)
    this.#dhcp?.update(link)
  }

  /** It is gone. */
  close(): void {
    this.#fixed.close()
    this.#dhcp?.close()
  }
}
