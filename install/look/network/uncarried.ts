// Interfaces that a node does not make: what they are called, and whether the machine depends on them.
import type { Link } from '../../../netlink/link.ts'
import type { ConfigFiles } from './configured.ts'
import { isDefault, isLinkLocal } from './ip-text.ts'
import type { Known } from './known.ts'
import { RouteTable } from '../../../netlink/route.ts'

/**
 * The interfaces that are there without anybody's help: hardware, and what a container's host gives it. A
 * veth counts only where there is no hardware: else it leads into a container of this machine's own. A port
 * of a bridge or bond only carries that.
 */
export function carriable(files: ConfigFiles, all: readonly Known[]): Known[] {
  const isPlain = ({ link }: Known): boolean =>
    link.ethernet && link.master === null && !isWireless(files, link)
  const isHardware = ({ link }: Known): boolean =>
    link.ethernet && link.kind === null && !isWireless(files, link)
  const given = all.some(isHardware) ? [null] : [null, 'veth']
  return all.filter((one) => isVenet(one.link) || (isPlain(one) && given.includes(one.link.kind)))
}

/** OpenVZ's, which is not Ethernet. */
const isVenet = ({ name }: Link): boolean => /^venet\d+$/.test(name)

function isWireless(files: ConfigFiles, { name }: Link): boolean {
  const entries = files.list(`/sys/class/net/${name}`)
  return entries.includes('wireless') || entries.includes('phy80211')
}

const KINDS: Readonly<Record<string, string>> = {
  bridge: 'a bridge',
  bond: 'a bond',
  team: 'a team',
  vlan: 'a VLAN',
  tun: 'a tunnel',
  wireguard: 'a WireGuard tunnel',
  ppp: 'a PPP link',
  macvlan: 'a MACVLAN',
  ipvlan: 'an IPVLAN',
  dummy: 'a dummy',
  veth: 'a virtual cable into a container',
}

function describe({ kind, ethernet }: Link): string {
  if (kind !== null) return KINDS[kind] ?? `of the kind ${kind}`
  return ethernet ? 'a wireless interface' : 'not an Ethernet'
}

/** `others`: what is not carried; `all`: every interface, for the ports. */
export function uncarried(
  others: readonly Known[],
  all: readonly Known[],
): { warnings: string[]; problems: string[] } {
  const warnings: string[] = []
  const problems: string[] = []
  for (const { link, addresses, routes } of others) {
    if (link.master !== null) continue
    const what = `${link.name} (${describe(link)})`
    const ports = all.filter((one) => one.link.master === link.index).map((one) => one.link.name)
    if (
      routes.some(({ destination, table }) => isDefault(destination) && table === RouteTable.main)
    ) {
      const through = ports.length === 0 ? '' : ` with the ports ${ports.join(', ')}`
      problems.push(
        `the default route goes out by ${what}${through}, which a node cannot make: ` +
          'give its addresses and routes to a plain Ethernet interface first',
      )
    } else if (addresses.some(({ address }) => !isLinkLocal(address))) {
      warnings.push(`${what} is not taken along`)
    }
  }
  return { warnings, problems }
}
