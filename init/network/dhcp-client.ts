// What a DHCP client does next (RFC 2131, section 4.4). Pure: no clock, no socket, no chance.
import { leaseOf, type Lease } from './dhcp-lease.ts'
import { OptionCode, type DhcpMessage, type DhcpOptions } from './dhcp-message.ts'
import type {
  Client,
  Effect,
  Event,
  EventOf,
  Exchange,
  State,
  StateOf,
  Step,
} from './dhcp-state.ts'
import { isHostAddress } from '../../netlink/ip-address.ts'

const RETRY_MS_MIN = 2_000
const RETRY_MS_MAX = 64_000
/** Unanswered requests, after which the offer counts as withdrawn. */
const REQUESTS_MAX = 4
const REFUSED_WAIT_MS = 10_000
/** RFC 2131, 4.4.5: a renewal is not repeated faster. */
const RENEW_RETRY_MS_MIN = 60_000
/** setTimeout's limit; a longer wait goes on after a timeout that changes nothing. */
const TIMER_MS_MAX = 2 ** 31 - 1
/** What fits an Ethernet frame. */
const MESSAGE_BYTES_MAX = 1472
const EVERYONE = '255.255.255.255'
/** RFC 3442 wants the classless routes asked for before the router. */
const PARAMETERS = [
  OptionCode.subnetMask,
  OptionCode.routes,
  OptionCode.routers,
  OptionCode.nameServers,
  OptionCode.hostname,
  OptionCode.domain,
  OptionCode.mtuBytes,
  OptionCode.leaseSeconds,
  OptionCode.serverId,
  OptionCode.renewalSeconds,
  OptionCode.rebindingSeconds,
]

type Cell<S extends State['name'], E extends Event['name']> = (
  client: Client,
  state: StateOf<S>,
  event: EventOf<E>,
) => Step
type Table = { [S in State['name']]: { [E in Event['name']]: Cell<S, E> } }

const stay = (_: Client, state: State): Step => [state]
const halt = (): Step => [{ name: 'idle' }, 'disarm']
const release = (_: Client, { lease }: { lease: Lease }): Step => [
  { name: 'idle' },
  'disarm',
  { deconfigure: lease },
]
const begin = (client: Client, _: State, event: EventOf<'start'>): Step =>
  discover(client, event, event.hint)
const again = (client: Client, _: State, event: Event): Step => discover(client, event, null)

// Every state answers every event: a missing cell does not compile.
const table: Table = {
  idle: { start: begin, resume, received: stay, linkUp: stay, timeout: stay, stop: stay },
  selecting: {
    start: stay,
    resume: stay,
    received: takeOffer,
    linkUp: (client, state, event) => discover(client, event, state.hint),
    timeout: (client, state, event) => sendDiscover(client, retried(state, event), event),
    stop: halt,
  },
  requesting: {
    start: stay,
    resume: stay,
    received: takeAnswer,
    linkUp: again,
    timeout: (client, state, event) =>
      state.attempts >= REQUESTS_MAX
        ? discover(client, event, state.offer.address)
        : sendRequest(client, retried(state, event), event),
    stop: halt,
  },
  waiting: {
    start: stay,
    resume: stay,
    received: stay,
    linkUp: again,
    timeout: again,
    stop: halt,
  },
  bound: {
    start: stay,
    resume: stay,
    received: stay,
    linkUp: rebind,
    timeout: (client, { lease }, event) =>
      event.nowMs >= lease.renewAtMs ? renew(client, lease, event) : bound(lease, event),
    stop: release,
  },
  renewing: {
    start: stay,
    resume: stay,
    received: takeRenewal,
    linkUp: rebind,
    timeout: (client, state, event) =>
      event.nowMs >= state.lease.rebindAtMs
        ? rebind(client, state, event)
        : sendRenewal(client, retried(state, event), event),
    stop: release,
  },
  rebinding: {
    start: stay,
    resume: stay,
    received: takeRenewal,
    linkUp: rebind,
    timeout: (client, state, event) =>
      event.nowMs >= state.lease.expiresAtMs
        ? lost(client, state.lease, event)
        : sendRenewal(client, retried(state, event), event),
    stop: release,
  },
}

export function step(client: Client, state: State, event: Event): Step {
  if (event.name === 'received' && !isOurs(client, state, event.message)) return [state]
  return (table[state.name][event.name] as Cell<State['name'], Event['name']>)(client, state, event)
}

/** On which socket an answer can arrive; null when none is awaited. */
export function listensOn(state: State): 'packet' | 'udp' | null {
  if (state.name === 'selecting' || state.name === 'requesting') return 'packet'
  return state.name === 'renewing' || state.name === 'rebinding' ? 'udp' : null
}

function isOurs(client: Client, state: State, message: DhcpMessage): boolean {
  const sameMac = Buffer.compare(message.mac, client.mac) === 0
  return message.reply && sameMac && 'xid' in state && message.xid === state.xid
}

function exchange({ nowMs, random }: Event): Exchange {
  return { xid: Math.floor(random * 2 ** 32), sinceMs: nowMs, sentAtMs: nowMs, attempts: 1 }
}
const retried = <S extends Exchange>(state: S, { nowMs }: Event): S => ({
  ...state,
  sentAtMs: nowMs,
  attempts: state.attempts + 1,
})

/** Doubles from 2 s to 64 s, a quarter more or less by chance so that a data centre does not march. */
function retryMs(attempts: number, random: number): number {
  const base = Math.min(RETRY_MS_MIN * 2 ** (attempts - 1), RETRY_MS_MAX)
  return Math.round(base * (0.75 + random / 2))
}

function message(
  client: Client,
  state: Exchange,
  fields: Partial<DhcpMessage>,
  options: DhcpOptions,
): DhcpMessage {
  return {
    type: 'request',
    reply: false,
    xid: state.xid,
    seconds: Math.floor((state.sentAtMs - state.sinceMs) / 1000),
    broadcast: true,
    clientAddress: '0.0.0.0',
    yourAddress: '0.0.0.0',
    mac: client.mac,
    ...fields,
    options: {
      ...options,
      ...(client.hostname === null ? {} : { hostname: client.hostname }),
      parameters: PARAMETERS,
      messageBytesMax: MESSAGE_BYTES_MAX,
      // The usual identifier (RFC 2132, 9.14): hardware type 1 and the address itself.
      clientId: Uint8Array.of(1, ...client.mac),
    },
  }
}

function discover(client: Client, event: Event, hint: string | null): Step {
  return sendDiscover(client, { name: 'selecting', hint, ...exchange(event) }, event)
}

function sendDiscover(client: Client, state: StateOf<'selecting'>, { random }: Event): Step {
  const options = state.hint === null ? {} : { requestedAddress: state.hint }
  const send = message(client, state, { type: 'discover' }, options)
  return [state, { send, to: 'broadcast' }, { armMs: retryMs(state.attempts, random) }]
}

function takeOffer(client: Client, state: StateOf<'selecting'>, event: EventOf<'received'>): Step {
  const { type, yourAddress, options } = event.message
  if (type !== 'offer' || options.serverId === undefined || !isHostAddress(yourAddress)) {
    return [state]
  }
  // The same xid: RFC 2131, 4.3.2 tells servers to expect that.
  const { xid, sinceMs } = state
  const offer = { address: yourAddress, server: options.serverId }
  const next = { xid, sinceMs, sentAtMs: event.nowMs, attempts: 1 }
  return sendRequest(client, { name: 'requesting', offer, ...next }, event)
}

function sendRequest(client: Client, state: StateOf<'requesting'>, { random }: Event): Step {
  const { address, server } = state.offer
  const send = message(client, state, {}, { requestedAddress: address, serverId: server })
  return [state, { send, to: 'broadcast' }, { armMs: retryMs(state.attempts, random) }]
}

function takeAnswer(_: Client, state: StateOf<'requesting'>, event: EventOf<'received'>): Step {
  if (event.message.type === 'nak') {
    return [{ name: 'waiting' }, { refused: reason(event.message) }, { armMs: REFUSED_WAIT_MS }]
  }
  const lease = leaseOf(event.message, state.sentAtMs)
  if (lease === null) return [state]
  return [{ name: 'bound', lease }, { configure: lease }, wake(lease, event)]
}

const reason = ({ options }: DhcpMessage): string => options.message ?? 'no reason given'

const bound = (lease: Lease, event: Event): Step => [{ name: 'bound', lease }, wake(lease, event)]

/** Where the life before would be by now. */
function resume(client: Client, _: State, event: EventOf<'resume'>): Step {
  const { lease, nowMs } = event
  if (nowMs >= lease.expiresAtMs) return lost(client, lease, event)
  if (nowMs >= lease.rebindAtMs) return rebind(client, { lease }, event)
  return nowMs >= lease.renewAtMs ? renew(client, lease, event) : bound(lease, event)
}

function wake({ renewAtMs }: Lease, { nowMs }: Event): Effect {
  return renewAtMs === Infinity ? 'disarm' : { armMs: timer(renewAtMs - nowMs) }
}
const timer = (ms: number): number => Math.max(0, Math.min(Math.ceil(ms), TIMER_MS_MAX))

function renew(client: Client, lease: Lease, event: Event): Step {
  return sendRenewal(client, { name: 'renewing', lease, ...exchange(event) }, event)
}

function rebind(client: Client, { lease }: { lease: Lease }, event: Event): Step {
  return sendRenewal(client, { name: 'rebinding', lease, ...exchange(event) }, event)
}

/** Repeated after half of the time that is left, not faster than once a minute. */
function sendRenewal(
  client: Client,
  state: StateOf<'renewing'> | StateOf<'rebinding'>,
  event: Event,
): Step {
  const { lease, name } = state
  const fields = { broadcast: false, clientAddress: lease.address.address }
  const send = message(client, state, fields, {})
  const to = { address: name === 'renewing' ? lease.server : EVERYONE }
  const leftMs = (name === 'renewing' ? lease.rebindAtMs : lease.expiresAtMs) - event.nowMs
  // A lease without end leaves for ever; an hour is often enough after the carrier came back.
  const nextMs = Math.min(Math.max(leftMs / 2, RENEW_RETRY_MS_MIN), leftMs, 3_600_000)
  return [state, { send, to }, { armMs: timer(nextMs) }]
}

function takeRenewal(
  client: Client,
  state: StateOf<'renewing'> | StateOf<'rebinding'>,
  event: EventOf<'received'>,
): Step {
  if (event.message.type === 'nak') {
    const [next, ...effects] = lost(client, state.lease, event)
    return [next, { refused: reason(event.message) }, ...effects]
  }
  const lease = leaseOf(event.message, state.sentAtMs)
  if (lease === null) return [state]
  return [{ name: 'bound', lease }, { configure: lease }, wake(lease, event)]
}

function lost(client: Client, lease: Lease, event: Event): Step {
  const [next, ...effects] = discover(client, event, lease.address.address)
  return [next, { deconfigure: lease }, ...effects]
}
