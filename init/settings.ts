// `solocloud.KEY=VALUE` words: from PID 1's arguments, else the kernel command line, else the state database.
import { readFileSync } from 'node:fs'
import { isIP, isIPv4 } from 'node:net'
import { networkPlan, type NetworkPlan } from '../protocol/network-plan.ts'
import type { Native } from '../sys/native.ts'
import { parseFaults, type FaultSpec } from './fault-spec.ts'
import { parseHostPort, type HostPort } from '../protocol/host-port.ts'
import { isHostAddress, parseCidr, type Cidr } from '../netlink/ip-address.ts'

export interface Settings {
  /** A TCP address for the management server besides its Unix socket; null: none. */
  manage: HostPort | null
  /** A fixed IPv4 address; `interface` null: the first one's. null: DHCP. */
  address: { interface: string | null; cidr: Cidr } | null
  gateway: string | null
  /** What the old system's network was; null: DHCP everywhere. Only from the state database. */
  plan: NetworkPlan | null
  nameServers: readonly string[]
  hostname: string | null
  /** Its members may use the management socket beside root; a number, as the node has no /etc/group. */
  group: number | null
  /** More lives than this within so long, and the loader waits between them. */
  crashLoop: { count: number; seconds: number }
  /** Of a boot that happens once, in seconds, by the installer; null for every other. Never from the state database. */
  trial: number | null
  /** Deaths on demand. Never from the state database: what the API can reach must not allow them. */
  faults: readonly FaultSpec[]
}

export interface SettingsRead {
  settings: Settings
  /** One sentence for each setting that is ignored, and why. Never fatal: a node without it is better than none. */
  problems: string[]
}

const PREFIX = 'solocloud.'
/** HOST_NAME_MAX; each label as in RFC 1123. */
const HOSTNAME =
  /^(?=.{1,64}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i
/** IFNAMSIZ, and what the kernel forbids in an interface's name. */
const INTERFACE = /^[^\s/:]{1,15}$/
/** (gid_t)-1 means "unchanged". */
const GID_MAX = 0xffff_fffe
const CRASH_LOOP: Settings['crashLoop'] = { count: 5, seconds: 60 }
/** LIFE_STARTS of native/life.h, less the one that is one too many. */
const CRASH_COUNT_MAX = 60
const CRASH_SECONDS_MAX = 3600
/** A week, as `install --trial` has it. */
const TRIAL_SECONDS_MAX = 7 * 24 * 3600
/** What the API can change must not change them. */
const ONLY_WORDS: readonly string[] = ['faults', 'trial']
/** In a sentence about it. */
const VALUE_SHOWN_MAX = 80

/** Throws a sentence about what the value should have been. */
type Parser<T> = (value: string) => T
const wrong = (expected: string): never => {
  throw new Error(`expected ${expected}`)
}

const MISPLACED_PLAN =
  `${PREFIX}network is ignored: it counts only in the state database. ` +
  `Use ${PREFIX}address, ${PREFIX}gateway and ${PREFIX}dns`

type Named = Omit<Settings, 'nameServers' | 'crashLoop' | 'plan'>
const parsers: { [K in keyof Named]: Parser<NonNullable<Named[K]>> } & {
  dns: Parser<string[]>
  insecure: Parser<boolean>
  network: Parser<NetworkPlan>
  crashloop: Parser<Settings['crashLoop']>
} = {
  manage: (value) => parseHostPort(value) ?? wrong('HOST:PORT, like 0.0.0.0:5678 or [::]:5678'),
  insecure: (value) => (/^(yes|no)$/.test(value) ? value === 'yes' : wrong('yes or no')),
  address: parseAddress,
  gateway: (value) =>
    isIPv4(value) && isHostAddress(value) ? value : wrong('an IPv4 address like 192.0.2.1'),
  network: (value) => networkPlan(json(value), 'network'),
  dns: (value) => {
    const servers = value.split(',')
    return servers.every((server) => isIP(server) !== 0)
      ? servers
      : wrong('IP addresses, separated by commas')
  },
  hostname: (value) => (HOSTNAME.test(value) ? value : wrong('a host name like node7.example.com')),
  group: (value) =>
    /^\d{1,10}$/.test(value) && Number(value) <= GID_MAX
      ? Number(value)
      : wrong("a group's number, like 27"),
  crashloop: parseCrashLoop,
  trial: (value) =>
    /^\d{1,6}$/.test(value) && Number(value) <= TRIAL_SECONDS_MAX
      ? Number(value)
      : wrong(`seconds, up to ${TRIAL_SECONDS_MAX}`),
  faults: (value) =>
    parseFaults(value) ?? wrong('listen:HOST:PORT, listen:/PATH, start:KIND*N or loader*N'),
}
type Key = keyof typeof parsers
const isKey = (key: string): key is Key => Object.hasOwn(parsers, key)

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return wrong('JSON, as solocloud install writes it')
  }
}

/** `5/60`: more than five lives in a minute. */
function parseCrashLoop(value: string): Settings['crashLoop'] {
  const [, count, seconds] = (/^(\d{1,4})\/(\d{1,4})$/.exec(value) ?? []).map(Number)
  const within = (number = 0, max: number): number | null =>
    number >= 1 && number <= max ? number : null
  const loop = {
    count: within(count, CRASH_COUNT_MAX),
    seconds: within(seconds, CRASH_SECONDS_MAX),
  }
  return loop.count !== null && loop.seconds !== null
    ? { count: loop.count, seconds: loop.seconds }
    : wrong(`COUNT/SECONDS, like 5/60, up to ${CRASH_COUNT_MAX}/${CRASH_SECONDS_MAX}`)
}

/** `192.0.2.5/24` or `eth0:192.0.2.5/24`. */
function parseAddress(value: string): NonNullable<Settings['address']> {
  const colon = value.indexOf(':')
  const name = colon < 0 ? null : value.slice(0, colon)
  const cidr = parseCidr(value.slice(colon + 1))
  const valid =
    cidr !== null && isHostAddress(cidr.address) && (name === null || INTERFACE.test(name))
  return valid
    ? { interface: name, cidr }
    : wrong('an IPv4 address with its prefix, like 192.0.2.5/24 or eth0:192.0.2.5/24')
}

/** The solocloud words among others; of two with one key the last counts, as the kernel has it. */
export function settingWords(words: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const word of words) {
    const equals = word.indexOf('=')
    if (!word.startsWith(PREFIX)) continue
    const end = equals < 0 ? word.length : equals
    found.set(word.slice(PREFIX.length, end), equals < 0 ? '' : word.slice(equals + 1))
  }
  return found
}

/** `sources`: best first; each is keyed without the prefix. */
export function parseSettings(sources: readonly ReadonlyMap<string, string>[]): SettingsRead {
  const problems: string[] = []
  const words = new Map(sources.toReversed().flatMap((source) => [...source]))
  const parsed: { [K in Key]?: ReturnType<(typeof parsers)[K]> } = {}
  for (const [key, value] of words) {
    if (!isKey(key)) {
      problems.push(`${PREFIX}${key} is ignored: no such setting`)
      continue
    }
    try {
      Object.assign(parsed, { [key]: parsers[key](value) })
    } catch (error) {
      const start = value.length > VALUE_SHOWN_MAX ? `${value.slice(0, VALUE_SHOWN_MAX)}...` : value
      problems.push(`${PREFIX}${key}=${start} is ignored: ${(error as Error).message}`)
    }
  }
  return { settings: assemble(parsed, problems), problems }
}

function assemble(
  parsed: { [K in Key]?: ReturnType<(typeof parsers)[K]> },
  problems: string[],
): Settings {
  const {
    manage = null,
    insecure = false,
    address = null,
    gateway = null,
    network = null,
    dns = [],
    hostname = null,
    group = null,
    crashloop = CRASH_LOOP,
    trial = null,
    faults = [],
  } = parsed
  if (manage !== null && !insecure) {
    problems.push(
      `${PREFIX}manage is ignored: over TCP anyone who can connect manages this node. ` +
        `Use ssh to the Unix socket, or add ${PREFIX}insecure=yes if the network is trusted`,
    )
  }
  if (gateway !== null && address === null) {
    problems.push(`${PREFIX}gateway is ignored: it needs ${PREFIX}address`)
  }
  return {
    ...{ manage: insecure ? manage : null, address, gateway, plan: network },
    ...{ nameServers: dns, hostname, group },
    ...{ crashLoop: crashloop, trial, faults },
  }
}

/**
 * `stored` looks a key (without the prefix) up in the state database. The kernel command line counts only
 * on a machine of our own: in a container it is the host's.
 */
export function readSettings(
  native: Pick<Native, 'ownsMachine'>,
  initArguments: readonly string[],
  stored: (key: string) => string | null,
): SettingsRead {
  const kernel = native.ownsMachine() === 1 ? readFileSync('/proc/cmdline', 'utf8') : ''
  const words = kernel.trim().split(/\s+/)
  const database = Object.keys(parsers).flatMap((key): [string, string][] => {
    const value = ONLY_WORDS.includes(key) ? null : stored(key)
    return value === null ? [] : [[key, value]]
  })
  const given = [settingWords(initArguments), settingWords(words)]
  // A plan in the words would be one that the installer neither wrote nor knows of.
  const misplaced = given.map((source) => source.delete('network')).includes(true)
  const { settings, problems } = parseSettings([...given, new Map(database)])
  return { settings, problems: misplaced ? [...problems, MISPLACED_PLAN] : problems }
}
