// Performs what dhcp-client.ts decides, for one interface: timer, sockets, address.
import { listensOn, step } from './dhcp-client.ts'
import type { Lease } from './dhcp-lease.ts'
import type { DhcpMessage } from './dhcp-message.ts'
import type { DhcpSocket } from './dhcp-socket.ts'
import type { Client, Effect, Event, State } from './dhcp-state.ts'
import type { Timers } from './timers.ts'

export interface DhcpEnvironment {
  client: Client
  timers: Timers
  /** From 0 up to 1. */
  random: () => number
  /** Throws SysError. */
  open: (kind: 'packet' | 'udp', received: (message: DhcpMessage) => void) => DhcpSocket
  /** Both throw SysError. */
  configure: (lease: Lease) => void
  deconfigure: (lease: Lease) => void
  report: (problem: string, error: unknown) => void
}

const EVERYONE = '255.255.255.255'
/** After our own failure (no socket, no address), before it is tried again. */
const FAILURE_WAIT_MS = 10_000
/** Unanswered messages, after which the log gets a line. */
const SILENCE_REPORTED_AT = 4

type Kind = Event extends infer E ? (E extends Event ? Omit<E, 'nowMs' | 'random'> : never) : never

export class DhcpRunner {
  readonly #environment: DhcpEnvironment
  #state: State = { name: 'idle' }
  #disarm: (() => void) | null = null
  #socket: { kind: 'packet' | 'udp'; socket: DhcpSocket } | null = null

  constructor(environment: DhcpEnvironment) {
    this.#environment = environment
  }

  get stateName(): State['name'] {
    return this.#state.name
  }

  /** `hint`: an address to ask for; null for none. */
  start(hint: string | null): void {
    this.#apply({ name: 'start', hint })
  }

  /** Instead of `start`: the interface has this lease already. */
  resume(lease: Lease): void {
    this.#apply({ name: 'resume', lease })
  }

  linkUp(): void {
    this.#apply({ name: 'linkUp' })
  }

  /** Gives the address up. */
  stop(): void {
    this.#apply({ name: 'stop' })
  }

  #apply(kind: Kind): void {
    const { client, timers, random, report } = this.#environment
    const event = { ...kind, nowMs: timers.nowMs(), random: random() }
    const [next, ...effects] = step(client, this.#state, event)
    this.#state = next
    try {
      this.#useSocket(listensOn(next))
    } catch (error) {
      report('no socket for DHCP', error)
    }
    const done = effects.map((effect) => this.#perform(effect))
    if (done.includes(false)) this.#pause()
    if (next.name === 'selecting' && next.attempts === SILENCE_REPORTED_AT) {
      report('no DHCP server has answered yet', null)
    }
  }

  /** False when a lease could not be used. */
  #perform(effect: Effect): boolean {
    const { configure, deconfigure, report } = this.#environment
    if (effect === 'disarm') this.#arm(null)
    else if ('armMs' in effect) this.#arm(effect.armMs)
    else if ('refused' in effect)
      report(`the DHCP server refuses: ${printable(effect.refused)}`, null)
    else if ('send' in effect) this.#send(effect)
    else if ('deconfigure' in effect) {
      this.#attempt('the old address stays', () => deconfigure(effect.deconfigure))
    } else {
      return this.#attempt('the lease cannot be used', () => configure(effect.configure))
    }
    return true
  }

  #send({ send, to }: Extract<Effect, { send: unknown }>): void {
    const address = to === 'broadcast' ? EVERYONE : to.address
    // Not sent is like lost on the way: the timer sends it again.
    this.#attempt('DHCP message not sent', () => this.#socket?.socket.send(send, address))
  }

  /** Everything from the start, later. */
  #pause(): void {
    this.#state = { name: 'waiting' }
    this.#useSocket(null)
    this.#arm(FAILURE_WAIT_MS)
  }

  #attempt(problem: string, act: () => void): boolean {
    try {
      act()
      return true
    } catch (error) {
      this.#environment.report(problem, error)
      return false
    }
  }

  #useSocket(kind: 'packet' | 'udp' | null): void {
    if (this.#socket?.kind === kind) return
    this.#socket?.socket.close()
    this.#socket = null
    if (kind === null) return
    const received = (message: DhcpMessage): void => this.#apply({ name: 'received', message })
    this.#socket = { kind, socket: this.#environment.open(kind, received) }
  }

  #arm(ms: number | null): void {
    this.#disarm?.()
    this.#disarm = null
    if (ms === null) return
    this.#disarm = this.#environment.timers.after(ms, () => {
      this.#disarm = null
      this.#apply({ name: 'timeout' })
    })
  }
}

/** A server's words go to the console: nothing there may move its cursor. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200)
