// Routes and addresses as commands add them (ip-route(8), ip-address(8), route(8), ifconfig(8)).
import { familyOf } from '../../../netlink/ip-address.ts'
import type { Cidr } from '../../../netlink/ip-address.ts'
import type { PlannedRoute } from '../../../protocol/network-plan.ts'
import { cidrOf, customaryPrefix, destinationOf, ipOf, type Family } from './ip-text.ts'

export interface WrittenRoute extends PlannedRoute {
  device: string | null
  /** null: the main table. */
  table: string | null
}

const TYPES = new Set(['unicast', 'to'])
const NOT_CARRIED = new Set([
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
  'local',
  'broadcast',
  'nat',
])
const MAIN_TABLE = new Set(['main', '254'])
/** Options of `ip route add` that stand alone. */
const FLAGS = new Set(['onlink', 'pervasive'])

/** Null for nothing, and for what is not a number. */
export const metricOf = (text: string | undefined): number | null =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null

/** What follows `ip route add`: `default via 192.0.2.1 dev eth0 onlink`; null for what is not a route. */
export function ipRoute(words: readonly string[], family: Family = 4): WrittenRoute | null {
  const rest = words.filter((word) => !FLAGS.has(word))
  while (TYPES.has(rest[0] ?? '')) rest.shift()
  const target = rest.shift() ?? ''
  if (NOT_CARRIED.has(target)) return null
  const options = new Map<string, string>()
  while (rest.length > 0) {
    const name = rest.shift() ?? ''
    let value = rest.shift() ?? ''
    // `via inet6 fe80::1`
    if (name === 'via' && /^inet6?$/.test(value)) value = rest.shift() ?? ''
    options.set(name, value)
  }
  const via = options.get('via')
  const gateway = via === undefined ? null : ipOf(via)
  if (via !== undefined && gateway === null) return null
  const destination = destinationOf(target, gateway === null ? family : familyOf(gateway))
  if (destination === null) return null
  const table = options.get('table') ?? null
  return {
    destination,
    gateway,
    metric: metricOf(options.get('metric') ?? options.get('preference')),
    device: options.get('dev') ?? null,
    table: table === null || MAIN_TABLE.has(table) ? null : table,
  }
}

/** What follows `route add`: `-net 10.0.0.0 netmask 255.0.0.0 gw 192.0.2.1`; null for what is not a route. */
export function oldRoute(words: readonly string[], family: Family = 4): WrittenRoute | null {
  const rest = words.filter((word) => word !== '-net' && word !== '-host')
  const isHost = words.includes('-host')
  const target = rest.shift() ?? ''
  const options = new Map<string, string>()
  let device: string | null = null
  while (rest.length > 0) {
    const name = rest.shift() ?? ''
    if (/^(gw|netmask|metric|dev|mss|window|irtt)$/.test(name))
      options.set(name, rest.shift() ?? '')
    else if (name === 'reject') return null
    else if (!/^(mod|dyn|reinstate)$/.test(name)) device = name
  }
  const gw = options.get('gw')
  const gateway = gw === undefined ? null : ipOf(gw)
  if (gw !== undefined && gateway === null) return null
  const mask = options.get('netmask') ?? null
  const of = gateway === null ? family : familyOf(gateway)
  const isNetwork = words.includes('-net') && mask === null && !target.includes('/')
  const destination =
    isNetwork && target !== 'default'
      ? cidrOf(target, null, customaryPrefix)
      : destinationOf(target, of, isHost ? null : mask)
  if (destination === null) return null
  const metric = metricOf(options.get('metric'))
  return { destination, gateway, metric, device: options.get('dev') ?? device, table: null }
}

export type CommandEffect =
  | { kind: 'route'; route: WrittenRoute }
  | { kind: 'address'; address: Cidr; device: string | null }
  | { kind: 'mtu'; bytes: number }
  /** Policy routing: `ip rule add`. */
  | { kind: 'rule' }
  /** Changes nothing that outlives it, or nothing that a node needs told. */
  | { kind: 'nothing' }
  | { kind: 'unknown' }

const IDLE = new Set(['true', ':', 'exit', 'echo', 'sleep', 'test', '[', 'logger'])

/** What one simple command (no `;`, `&&`, `|`) would do. */
export function effectOf(command: string): CommandEffect {
  const words = command
    .replace(/["']/g, '')
    .replace(/\d?>+\s*\S+/g, '')
    .split(/\s+/)
    .filter(Boolean)
  const program = words.shift()?.replace(/^.*\//, '') ?? ''
  if (program === '' || IDLE.has(program)) return { kind: 'nothing' }
  if (program === 'ip') return ipEffect(words)
  if (program === 'route') return routeEffect(words)
  if (program === 'ifconfig') return ifconfigEffect(words)
  return { kind: 'unknown' }
}

/** True for a prefix of `word`'s from `least` letters on: ip takes `ro`, `addr`, `a`. */
const abbreviates = (text: string, word: string, least = 1): boolean =>
  text.length >= least && word.startsWith(text)

function ipEffect(words: string[]): CommandEffect {
  let family: Family = 4
  while (words[0]?.startsWith('-') === true) {
    const option = words.shift()
    if (option === '-6') family = 6
    else if (option === '-f' || option === '-family') family = words.shift() === 'inet6' ? 6 : 4
  }
  const [object = '', action = '', ...rest] = words
  const adds = /^(a|ad|add|app|append|re|rep|replace|ch|change|prepend)$/.test(action)
  if (abbreviates(object, 'rule', 2) && object !== 'r')
    return adds ? { kind: 'rule' } : { kind: 'nothing' }
  if (abbreviates(object, 'route'))
    return adds ? routeOr(ipRoute(rest, family)) : { kind: 'nothing' }
  if (abbreviates(object, 'address')) {
    if (!adds) return { kind: 'nothing' }
    const address = rest.map((word) => cidrOf(word)).find((found) => found !== null)
    const device = rest[rest.indexOf('dev') + 1] ?? null
    return address === undefined ? { kind: 'unknown' } : { kind: 'address', address, device }
  }
  if (abbreviates(object, 'link') && action === 'set') return mtuOr(rest, 'nothing')
  return { kind: 'unknown' }
}

/** `route -A inet6 add ...`, `route add -net ...` */
function routeEffect(words: string[]): CommandEffect {
  const at = words.indexOf('add')
  if (at < 0) return { kind: 'nothing' }
  const options = words.slice(0, at)
  const isIpv6 = options.some((option) => /^(inet6|--inet6|-6)$/.test(option))
  return routeOr(oldRoute(words.slice(at + 1), isIpv6 ? 6 : 4))
}

const routeOr = (route: WrittenRoute | null): CommandEffect =>
  route === null ? { kind: 'unknown' } : { kind: 'route', route }

/** `ifconfig eth0 add 2001:db8::7/64`, `ifconfig eth0 192.0.2.7 netmask 255.255.255.0 up`, `... mtu 1400`. */
function ifconfigEffect([device = '', ...words]: string[]): CommandEffect {
  const plain = words.filter((word) => !/^(add|inet6?)$/.test(word))
  const mask = plain.includes('netmask') ? (plain[plain.indexOf('netmask') + 1] ?? null) : null
  const address = cidrOf(plain[0] ?? '', mask, customaryPrefix)
  if (address !== null) return { kind: 'address', address, device }
  return mtuOr(plain, plain[0] === 'up' || plain[0] === 'down' ? 'nothing' : 'unknown')
}

function mtuOr(words: readonly string[], kind: 'nothing' | 'unknown'): CommandEffect {
  const at = words.indexOf('mtu')
  const bytes = at < 0 ? null : metricOf(words[at + 1])
  return bytes === null ? { kind } : { kind: 'mtu', bytes }
}
