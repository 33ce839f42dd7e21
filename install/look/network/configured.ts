// What the old system's files say of one interface, in whichever tool's words they say it.
import type { Cidr } from '../../../netlink/ip-address.ts'
import type { PlannedRoute } from '../../../protocol/network-plan.ts'
import { cidrText } from './ip-text.ts'

/** The old system's files, by absolute path. */
export interface ConfigFiles {
  /** null: there is none, or it is not a file. */
  read(path: string): string | null
  /** Names; empty for what is not a directory. */
  list(directory: string): string[]
}

export interface Configured {
  interface: string
  /** The file, for people. */
  source: string
  /** The tool that reads it runs, and has this interface: decides between files that say different things. */
  inUse: boolean
  dhcp4: boolean
  dhcp6: boolean
  /** null: not said; the kernel's own choice. */
  autoconf6: boolean | null
  addresses: Cidr[]
  routes: PlannedRoute[]
  mtuBytes: number | null
  nameServers: string[]
  searchDomains: string[]
  /** Rules and other tables than the main one. */
  policyRouting: boolean
  /** Sentences about what it also says and a node does not do. */
  notes: string[]
}

export function configured(name: string, source: string): Configured {
  return {
    interface: name,
    source,
    ...{ inUse: false, dhcp4: false, dhcp6: false, autoconf6: null, mtuBytes: null },
    policyRouting: false,
    ...{ addresses: [], routes: [], nameServers: [], searchDomains: [], notes: [] },
  }
}

export const routeText = ({ destination, gateway }: PlannedRoute): string =>
  `${cidrText(destination)}${gateway === null ? '' : ` via ${gateway}`}`

/** A number of bytes; null for nothing and for what is none. */
export function mtuOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{2,5}$/.test(text) ? Number(text) : null
}

const YES = new Set(['yes', 'true', 'on', '1', 'y', 't'])
const NO = new Set(['no', 'false', 'off', '0', 'n', 'f'])

/** Null for what is neither. */
export function truth(text: string | undefined): boolean | null {
  const word = text?.trim().toLowerCase() ?? ''
  return YES.has(word) ? true : NO.has(word) ? false : null
}
