// What Debian's /etc/network/interfaces says of each interface (interfaces(5)).
import { familyOf } from '../../../netlink/ip-address.ts'
import { configured, mtuOf, truth, type ConfigFiles, type Configured } from './configured.ts'
import { readStanzas, type Stanza } from './ifupdown-file.ts'
import { cidrOf, customaryPrefix, defaultRoute, ipOf, ipsOf, wordsOf } from './ip-text.ts'
import { effectOf, metricOf } from './route-words.ts'

type Options = ReadonlyMap<string, readonly string[]>

/** One `iface`, with what it inherits. */
interface Iface {
  /** The interface's, without an alias's `:1`. */
  device: string
  path: string
  family: string
  method: string
  options: Options
}

const INHERITED_MAX = 10

export function ifupdown(files: ConfigFiles): Configured[] {
  const stanzas = readStanzas(files)
  const up = (files.read('/run/network/ifstate') ?? '').split('\n')
  const found = new Map<string, Configured>()
  for (const iface of interfacesOf(stanzas)) {
    if (iface.method === 'loopback' || iface.device === 'lo') continue
    const into = found.get(iface.device) ?? configured(iface.device, iface.path)
    into.inUse = up.some((line) => line.startsWith(`${iface.device}=`))
    found.set(iface.device, into)
    addIface(into, iface)
  }
  return [...found.values()]
}

function interfacesOf(stanzas: readonly Stanza[]): Iface[] {
  const named = stanzas.filter(({ keyword }) => keyword === 'iface' || keyword === 'template')
  const devices = devicesOf(stanzas)
  // A stanza may be there only for others to inherit from.
  const started = stanzas.filter(({ keyword }) => isStart(keyword)).flatMap(({ words }) => words)
  const patterns = new Set(
    named
      .filter(({ words }) => words.includes('inherits'))
      .map(({ words }) => words[words.indexOf('inherits') + 1] ?? '')
      .filter((name) => !started.includes(name)),
  )
  return named
    .filter(({ keyword, words }) => keyword === 'iface' && !patterns.has(words[0] ?? ''))
    .flatMap((stanza) => {
      const [name = '', ...rest] = stanza.words
      const words = rest.slice(
        0,
        rest.includes('inherits') ? rest.indexOf('inherits') : rest.length,
      )
      const family = words.find((word) => /^inet6?$/.test(word)) ?? 'inet'
      const method = words.find((word) => !/^inet6?$/.test(word)) ?? guessed(stanza)
      const options = groupOptions(inherited(stanza, named, INHERITED_MAX))
      const physical = devices.get(name) ?? [name]
      return physical.map((device) => ({
        device: device.replace(/:.*/, ''),
        ...{ path: stanza.path, family, method, options },
      }))
    })
}

const isStart = (keyword: string): boolean => keyword === 'auto' || keyword.startsWith('allow-')

/** ifupdown-ng knows `iface eth0` without family and method. */
const guessed = ({ options }: Stanza): string =>
  options.some(([name]) => name === 'address') ? 'static' : 'manual'

/** `auto eth0=office`: the stanza `office` is eth0's. */
function devicesOf(stanzas: readonly Stanza[]): Map<string, string[]> {
  const devices = new Map<string, string[]>()
  for (const { keyword, words } of stanzas) {
    if (!isStart(keyword)) continue
    for (const word of words) {
      const [device = '', logical] = word.split('=', 2)
      if (logical !== undefined) devices.set(logical, [...(devices.get(logical) ?? []), device])
    }
  }
  return devices
}

/** The options of what it inherits from come first; `inherits` of itself is another stanza's of that name. */
function inherited(stanza: Stanza, all: readonly Stanza[], left: number): Stanza['options'] {
  const at = stanza.words.indexOf('inherits')
  if (at < 0 || left === 0) return stanza.options
  const from = all.find((other) => other !== stanza && other.words[0] === stanza.words[at + 1])
  return from === undefined
    ? stanza.options
    : [...inherited(from, all, left - 1), ...stanza.options]
}

function groupOptions(options: Stanza['options']): Options {
  const grouped = new Map<string, string[]>()
  for (const [name, value] of options) {
    // bridge-ports and bridge_ports, dns-nameserver and dns-nameservers are the same.
    const key = name.replaceAll('_', '-').replace(/^dns-nameserver$/, 'dns-nameservers')
    grouped.set(key, [...(grouped.get(key) ?? []), value])
  }
  return grouped
}

const last = (options: Options, name: string): string | undefined => options.get(name)?.at(-1)

function addIface(into: Configured, iface: Iface): void {
  const { family, method, options } = iface
  if (family === 'inet' && (method === 'dhcp' || method === 'bootp')) into.dhcp4 = true
  if (family === 'inet6' && method === 'auto') into.autoconf6 = true
  if (family === 'inet6' && method === 'dhcp') into.dhcp6 = true
  if (family === 'inet6' && method === 'auto' && truth(last(options, 'dhcp')) === true) {
    into.dhcp6 = true
  }
  if (family === 'inet6' && method === 'static') {
    // 2 is accepted too: it means "also where packets are forwarded".
    const accept = last(options, 'accept-ra')
    if (accept !== undefined) into.autoconf6 = accept !== '0'
  }
  addAddress(into, options)
  into.mtuBytes = mtuOf(last(options, 'mtu')) ?? into.mtuBytes
  into.nameServers.push(...ipsOf((options.get('dns-nameservers') ?? []).flatMap(wordsOf)))
  const domains = ['dns-search', 'dns-domain'].flatMap((name) => options.get(name) ?? [])
  into.searchDomains.push(...domains.flatMap(wordsOf))
  addCommands(into, iface)
}

function addAddress(into: Configured, options: Options): void {
  for (const text of options.get('address') ?? []) {
    const address = cidrOf(text, last(options, 'netmask') ?? null, customaryPrefix)
    if (address !== null) into.addresses.push(address)
  }
  for (const text of options.get('gateway') ?? []) {
    const gateway = ipOf(text)
    const metric = metricOf(last(options, 'metric'))
    if (gateway === null) continue
    into.routes.push({ destination: defaultRoute(familyOf(gateway)), gateway, metric })
  }
}

/** What `up` and its kin run: routes and addresses are taken from them. */
function addCommands(into: Configured, { options, path, device }: Iface): void {
  for (const name of ['pre-up', 'up', 'post-up']) {
    for (const line of options.get(name) ?? []) {
      const here = line.replace(/\$\{?(IFACE|LOGICAL)\}?/g, device)
      for (const command of here.split(/&&|\|\||[;|&]/)) {
        addCommand(into, command, `${name} ${line}`, path)
      }
    }
  }
}

function addCommand(into: Configured, command: string, line: string, path: string): void {
  const effect = effectOf(command.trim())
  const elsewhere = (device: string | null): boolean =>
    device !== null && device.replace(/:.*/, '') !== into.interface
  switch (effect.kind) {
    case 'route': {
      const { table, device, ...route } = effect.route
      if (table !== null) into.policyRouting = true
      else if (!elsewhere(device)) into.routes.push(route)
      return
    }
    case 'address':
      if (!elsewhere(effect.device)) into.addresses.push(effect.address)
      return
    case 'mtu':
      into.mtuBytes = effect.bytes
      return
    case 'rule':
      into.policyRouting = true
      return
    case 'nothing':
      return
    case 'unknown':
      into.notes.push(`${into.interface}: a node does not run "${line.slice(0, 120)}" (${path})`)
  }
}
