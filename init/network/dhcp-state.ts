// The states, events and effects of the DHCP client.
import type { Lease } from './dhcp-lease.ts'
import type { DhcpMessage } from './dhcp-message.ts'

/** What does not change while the client lives. */
export interface Client {
  mac: Uint8Array
  /** Told to the server, which may put it into its DNS; null: nothing. */
  hostname: string | null
}

/** One exchange of messages. */
export interface Exchange {
  xid: number
  sinceMs: number
  sentAtMs: number
  attempts: number
}
export interface Offer {
  address: string
  server: string
}

export type State =
  | { name: 'idle' }
  /** `hint`: the address we had before, which most servers give again when asked. */
  | ({ name: 'selecting'; hint: string | null } & Exchange)
  | ({ name: 'requesting'; offer: Offer } & Exchange)
  /** Refused; a pause, so that a confused server and we do not keep each other busy. */
  | { name: 'waiting' }
  | { name: 'bound'; lease: Lease }
  | ({ name: 'renewing'; lease: Lease } & Exchange)
  | ({ name: 'rebinding'; lease: Lease } & Exchange)

type Kind =
  | { name: 'start'; hint: string | null }
  /** Instead: the life before had this lease, and the interface has it still. */
  | { name: 'resume'; lease: Lease }
  | { name: 'received'; message: DhcpMessage }
  /** The carrier came back: perhaps it is another network now. */
  | { name: 'linkUp' }
  | { name: 'timeout' }
  | { name: 'stop' }
/** `random` is from 0 up to 1, fresh for every event. */
export type Event = Kind & { nowMs: number; random: number }

/** `broadcast` goes out without an address of ours; the others are sent by the kernel's own UDP. */
export type Destination = 'broadcast' | { address: string }
export type Effect =
  | { send: DhcpMessage; to: Destination }
  /** Replaces the timer that was set before. */
  | { armMs: number }
  | 'disarm'
  | { configure: Lease }
  | { deconfigure: Lease }
  /** A server's refusal and its reason, for the log. */
  | { refused: string }
export type Step = [State, ...Effect[]]

export type StateOf<N extends State['name']> = Extract<State, { name: N }>
export type EventOf<N extends Event['name']> = Extract<Event, { name: N }>
