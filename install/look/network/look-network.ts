// What the old system's network is: the kernel tells what is there, the distribution's files whence it came.
import type { Link } from '../../../netlink/link.ts'
import { RouteTable } from '../../../netlink/route.ts'
import type { NetworkPlan, PlannedInterface } from '../../../protocol/network-plan.ts'
import { carry } from './carry.ts'
import { cloudInit } from './cloud-init.ts'
import type { ConfigFiles, Configured } from './configured.ts'
import { findHostname } from './find-hostname.ts'
import { ifcfg } from './ifcfg.ts'
import { ifupdown } from './ifupdown.ts'
import type { KernelNetwork } from './kernel-network.ts'
import { gather, type Known } from './known.ts'
import { leasesOf } from './leases.ts'
import { leftBehind } from './left-behind.ts'
import { findNameServers } from './name-servers.ts'
import { netplan, type Complain } from './netplan.ts'
import { networkManager } from './network-manager.ts'
import { networkd } from './networkd.ts'
import { carriable, uncarried } from './uncarried.ts'

export interface FoundNetwork {
  plan: NetworkPlan
  hostname: string | null
  /** Where each planned interface's configuration was found: a file, or "the kernel only". */
  sources: { interface: string; source: string }[]
  /** Sentences about what is kept differently, or is not taken along. */
  warnings: string[]
  /** Sentences about why a node would not be reachable here: nothing may be installed. */
  problems: string[]
}

/** Throws what `kernel` throws. Files that make no sense count as far as they do. */
export function lookNetwork(files: ConfigFiles, kernel: KernelNetwork): FoundNetwork {
  const links = kernel.links()
  const complaints: string[] = []
  const said = saidBy(files, links, (sentence) => complaints.push(sentence))
  const leases = leasesOf(files, links)
  const { known, warnings: ofKernel } = gather(files, kernel, said, leases)
  const usable = carriable(files, known)
  const carried = usable
    .filter(({ link }) => link.up)
    .map((one) => ({ known: one, ...carry(one) }))
    .filter(({ planned }) => isConfigured(planned))
  const interfaces = carried.map(({ planned }) => planned)
  const dhcp = new Set(interfaces.filter(({ dhcp4 }) => dhcp4).map(({ name }) => name))
  const resolving = findNameServers(files, {
    interfaces,
    chosen: carried.map((one) => one.known.files).filter((one) => one !== null),
    leases: leases.filter((lease) => dhcp.has(lease.interface)),
  })
  const others = uncarried(
    known.filter((one) => !usable.includes(one)),
    known,
  )
  const host = findHostname(files)
  const sentences = [
    ...carried.flatMap(({ warnings }) => warnings),
    ...others.warnings,
    ...complaints,
    ...absent(said, links),
    ...idle(usable, interfaces),
    ...ofKernel,
    ...policyRouting(known),
    ...resolving.warnings,
    ...host.warnings,
    ...leftBehind(files),
  ]
  const { nameServers, searchDomains } = resolving
  return {
    plan: { interfaces, nameServers, searchDomains },
    hostname: host.hostname,
    sources: carried.map((one) => ({
      interface: one.planned.name,
      source: one.known.files?.source ?? 'the kernel only',
    })),
    warnings: [...new Set(sentences)],
    problems: others.problems.length > 0 ? others.problems : unreachable(interfaces),
  }
}

/** In the order in which files count where nothing else decides. */
function saidBy(files: ConfigFiles, links: readonly Link[], complain: Complain): Configured[] {
  return [
    ...netplan(files, links, complain),
    ...ifupdown(files),
    ...networkd(files, links),
    ...networkManager(files, links),
    ...ifcfg(files, links),
    ...cloudInit(files, links, complain),
  ]
}

const isConfigured = ({ dhcp4, autoconf6, addresses, routes }: PlannedInterface): boolean =>
  dhcp4 || autoconf6 || addresses.length + routes.length > 0

/** Interfaces that only the files know; of the files for one, the first. */
function absent(said: readonly Configured[], links: readonly Link[]): string[] {
  const names = new Set(said.map((one) => one.interface))
  return [...names]
    .filter((name) => !links.some((link) => link.name === name))
    .map((name) => {
      const source = said.find((one) => one.interface === name)?.source ?? ''
      return `${name} of ${source} is not there now, and is left out`
    })
}

/** Interfaces with a configuration that is not in force. */
function idle(usable: readonly Known[], planned: readonly PlannedInterface[]): string[] {
  return usable.flatMap(({ link, files }) =>
    files === null || planned.some(({ name }) => name === link.name)
      ? []
      : [
          `${link.name} of ${files.source} ` +
            `${link.up ? 'has no address now' : 'is down now'}, and is left out`,
        ],
  )
}

function policyRouting(known: readonly Known[]): string[] {
  const tables = known.flatMap(({ routes }) => routes.map(({ table }) => table))
  const others = [...new Set(tables.filter((table) => table !== RouteTable.main))]
  const written = known.filter(({ files }) => files?.policyRouting === true)
  if (others.length + written.length === 0) return []
  const where = [
    ...written.map(({ link, files }) => `${link.name} in ${files?.source ?? ''}`),
    ...others.map((table) => `the routes of table ${table}`),
  ]
  return [`policy routing (rules, other tables) is not taken along: ${where.join(', ')}`]
}

function unreachable(interfaces: readonly PlannedInterface[]): string[] {
  if (interfaces.length > 0) return []
  return ['no interface that a node can use has an address: the node would not be reachable']
}
