// The interfaces that are there and ours to configure, with the names and the configurations that the plan has
// for them.
import type { Link } from '../../netlink/link.ts'
import type { Rtnetlink } from '../../netlink/rtnetlink.ts'
import type { NetworkPlan } from '../../protocol/network-plan.ts'
import { NetworkInterface } from './interface.ts'
import {
  chooseConfigs,
  plannedLinks,
  type AddressWords,
  type InterfaceConfig,
} from './interface-config.ts'
import type { InterfaceEnvironment } from './interface-environment.ts'
import { macText, NOTHING_KEPT, type KeptNetwork } from './kept-network.ts'
import { renameLinks, renames } from './link-names.ts'
import type { Timers } from './timers.ts'

export interface ManagedOptions {
  plan: NetworkPlan | null
  words: AddressWords
  /** What the life before has left. */
  resumed: KeptNetwork
  timers: Timers
  environment: (rtnetlink: Rtnetlink) => InterfaceEnvironment
  warn: (problem: string, error: unknown) => void
  /** Before it is configured. */
  added: (link: Link, config: InterfaceConfig) => void
  removed: (index: number) => void
  /** Time has passed: `reconcile` has something to do. */
  again: () => void
}

/** So long the plan's interfaces may take to appear, before there is DHCP on whatever is there. */
const FALLBACK_MS = 10_000

export class ManagedInterfaces {
  readonly #options: ManagedOptions
  readonly #interfaces = new Map<number, NetworkInterface>()
  /** Each part is taken once, by its interface, of those that are there at the start. */
  #resumed: KeptNetwork
  /** The name of the interface that the settings' address belongs to, once it is known. */
  #wordsName: string | null
  #fallback = false
  #disarm: (() => void) | null = null

  constructor(options: ManagedOptions) {
    this.#options = options
    this.#resumed = options.resumed
    this.#wordsName = options.words.address?.interface ?? null
  }

  /** By number. */
  get all(): ReadonlyMap<number, NetworkInterface> {
    return this.#interfaces
  }

  /** None of the plan's interfaces has come. */
  get fallback(): boolean {
    return this.#fallback
  }

  close(): void {
    this.#disarm?.()
    for (const item of this.#interfaces.values()) item.close()
    this.#interfaces.clear()
  }

  /** Brings what is configured in line with what is there. Throws SysError. */
  reconcile(rtnetlink: Rtnetlink): void {
    const links = this.#named(rtnetlink)
    for (const link of links) {
      if (link.loopback && !link.up) rtnetlink.setUp(link.index)
    }
    const configs = this.#configs(links)
    for (const [index, item] of this.#interfaces) {
      if (!configs.has(index)) this.#remove(index, item)
    }
    for (const link of links) {
      const config = configs.get(link.index)
      if (config === undefined) continue
      const known = this.#interfaces.get(link.index)
      if (known === undefined) this.#add(rtnetlink, link, config)
      else known.update(link)
    }
    this.#resumed = NOTHING_KEPT
  }

  /** The interfaces that are there, under the plan's names where that is possible. */
  #named(rtnetlink: Rtnetlink): Link[] {
    const { plan, warn } = this.#options
    const links = rtnetlink.links()
    const planned = plannedLinks(plan, links)
    const ours = (link: Link): boolean => this.#interfaces.has(link.index) || this.#goesOn(link)
    const inUse = (link: Link): boolean => ours(link) || (link.up && !planned.has(link.index))
    const idle = links.filter((link) => !ours(link))
    const wanted = idle.flatMap(({ index }): [number, string][] => {
      const name = planned.get(index)?.name
      return name === undefined ? [] : [[index, name]]
    })
    const steps = renames(links, new Map(wanted), inUse)
    return renameLinks(rtnetlink, steps, warn) ? rtnetlink.links() : links
  }

  #configs(links: readonly Link[]): Map<number, InterfaceConfig> {
    const { plan, words } = this.#options
    this.#watchForFallback(links)
    const address = words.address && { ...words.address, interface: this.#wordsName }
    const { configs, byWords } = chooseConfigs(links, {
      plan,
      fallback: this.#fallback,
      words: { ...words, address },
      continues: (link) => this.#interfaces.has(link.index) || this.#lease(link) !== null,
    })
    this.#wordsName ??= byWords
    return configs
  }

  #watchForFallback(links: readonly Link[]): void {
    const { plan, timers, warn, again } = this.#options
    const interfaces = plan?.interfaces ?? []
    if (interfaces.length === 0 || this.#fallback) return
    if (plannedLinks(plan, links).size > 0) {
      this.#disarm?.()
      this.#disarm = null
      return
    }
    this.#disarm ??= timers.after(FALLBACK_MS, () => {
      this.#fallback = true
      const names = interfaces.map(({ name, mac }) => `${name}${mac === null ? '' : ` (${mac})`}`)
      warn(`${names.join(', ')} of solocloud.network not found: DHCP on every interface`, null)
      again()
    })
  }

  #add(rtnetlink: Rtnetlink, link: Link, config: InterfaceConfig): void {
    const { environment, added } = this.#options
    const resumed = { lease: this.#lease(link), digest: this.#digest(link) }
    added(link, config)
    const item = new NetworkInterface(environment(rtnetlink), link, config, resumed)
    this.#interfaces.set(link.index, item)
  }

  #remove(index: number, item: NetworkInterface): void {
    this.#interfaces.delete(index)
    item.close()
    this.#options.removed(index)
  }

  /** Down, it has lost its routes. */
  #goesOn(link: Link): boolean {
    return link.up && (this.#lease(link) !== null || this.#digest(link) !== null)
  }

  #lease(link: Link): KeptNetwork['leases'][number]['lease'] | null {
    return this.#before(this.#resumed.leases, link)?.lease ?? null
  }

  #digest(link: Link): string | null {
    return this.#before(this.#resumed.fixed, link)?.digest ?? null
  }

  #before<T extends { link: number; mac: string }>(all: readonly T[], link: Link): T | undefined {
    return all.find((one) => one.link === link.index && one.mac === macText(link.mac))
  }
}
