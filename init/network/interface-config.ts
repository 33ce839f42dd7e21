// What each interface is to be: from the plan of the old system's network, with the settings' words before it.
import { createHash } from 'node:crypto'
import { familyOf, ipBytes, type Cidr } from '../../netlink/ip-address.ts'
import type { Link } from '../../netlink/link.ts'
import type { NetworkPlan, PlannedInterface } from '../../protocol/network-plan.ts'

export interface InterfaceConfig extends Omit<PlannedInterface, 'name' | 'mac' | 'autoconf6'> {
  /** null: as the kernel has it. */
  autoconf6: boolean | null
}

/** Without a plan, and without a word. */
export const BY_DHCP: InterfaceConfig = {
  ...{ mtuBytes: null, dhcp4: true, autoconf6: null, addresses: [], routes: [] },
}

export interface AddressWords {
  /** A fixed IPv4 address; `interface` null: the first one's. */
  address: { interface: string | null; cidr: Cidr } | null
  gateway: string | null
}

/** The words are the whole of an interface's IPv4; what the plan says of its IPv6 stays. */
export function configByWords(
  cidr: Cidr,
  gateway: string | null,
  planned: InterfaceConfig,
): InterfaceConfig {
  const isSix = (address: string): boolean => familyOf(address) === 6
  const destination = { address: '0.0.0.0', prefix: 0 }
  return {
    ...planned,
    dhcp4: false,
    addresses: [cidr, ...planned.addresses.filter(({ address }) => isSix(address))],
    routes: [
      ...(gateway === null ? [] : [{ destination, gateway, metric: null }]),
      ...planned.routes.filter((route) => isSix(route.destination.address)),
    ],
  }
}

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

/** The interfaces of the plan that are there, by number. */
export function plannedLinks(
  plan: NetworkPlan | null,
  links: readonly Link[],
): Map<number, PlannedInterface> {
  const found = new Map<number, PlannedInterface>()
  for (const planned of plan?.interfaces ?? []) {
    const link = linkOf(
      planned,
      links.filter(({ index }) => !found.has(index)),
    )
    if (link !== null) found.set(link.index, planned)
  }
  return found
}

function linkOf({ name, mac }: PlannedInterface, links: readonly Link[]): Link | null {
  if (mac === null) {
    const named = links.find((link) => link.name === name)
    return named !== undefined && !named.loopback && named.master === null ? named : null
  }
  const has = (bytes: Uint8Array | null): boolean =>
    bytes !== null && Buffer.from(bytes).toString('hex') === mac.replaceAll(':', '')
  const managed = links.filter(isManaged)
  return (
    managed.find((link) => has(link.mac)) ?? managed.find((link) => has(link.permanentMac)) ?? null
  )
}

export interface Choice {
  plan: NetworkPlan | null
  /** None of the plan's interfaces is there: DHCP everywhere, lest nobody gets in. */
  fallback: boolean
  words: AddressWords
  /** True for one that had a lease in the life before. */
  continues: (link: Link) => boolean
}

/**
 * Every interface that is ours to configure, by number, the kernel's first one first. With a plan of which
 * something is there, one that it does not name stays as it is, as it did on the old system. `byWords`: the
 * name of the one that the words are about.
 */
export function chooseConfigs(
  links: readonly Link[],
  { plan, fallback, words, continues }: Choice,
): { configs: Map<number, InterfaceConfig>; byWords: string | null } {
  const planned = plannedLinks(plan, links)
  const everywhere = plan === null || plan.interfaces.length === 0 || fallback
  const sorted = links.toSorted((a, b) => a.index - b.index)
  const ours = sorted.filter(
    (link) => planned.has(link.index) || (isManaged(link) && (everywhere || continues(link))),
  )
  const configs = new Map<number, InterfaceConfig>(
    ours.map(({ index }) => [index, planned.get(index) ?? BY_DHCP]),
  )
  const { address, gateway } = words
  if (address === null) return { configs, byWords: null }
  const candidates = address.interface === null && ours.length > 0 ? ours : sorted.filter(isManaged)
  const link = candidates.find(({ name }) => name === (address.interface ?? name))
  if (link === undefined) return { configs, byWords: null }
  const before = configs.get(link.index) ?? BY_DHCP
  configs.set(link.index, configByWords(address.cidr, gateway, before))
  return { configs, byWords: link.name }
}

/** The same for the same configuration in every life. */
export function configDigest(config: InterfaceConfig): string {
  const { mtuBytes, dhcp4, autoconf6, addresses, routes } = config
  const cidr = ({ address, prefix }: Cidr): string => `${address}/${prefix}`
  const canonical = [
    ...[mtuBytes, dhcp4, autoconf6, addresses.map(cidr)],
    routes.map(({ destination, gateway, metric }) => [cidr(destination), gateway, metric]),
  ]
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex').slice(0, 16)
}

/** Whatever way the two are written. */
export const sameAddress = (one: string, other: string): boolean =>
  ipBytes(one).equals(ipBytes(other))
