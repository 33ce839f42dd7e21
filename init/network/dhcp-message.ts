// DHCP messages (RFC 2131, options of RFC 2132 and 3442): bytes to data and back.
import { ipv4Bytes, ipv4Text, type Cidr } from '../../netlink/ip-address.ts'

export const MessageType = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const
export type MessageType = keyof typeof MessageType

export interface Route {
  destination: Cidr
  /** 0.0.0.0: on the link itself. */
  gateway: string
}

/** Options we send or understand; what was not in the message is absent. Times are seconds. */
export interface DhcpOptions {
  subnetMask?: string
  routers?: string[]
  nameServers?: string[]
  hostname?: string
  domain?: string
  mtuBytes?: number
  requestedAddress?: string
  leaseSeconds?: number
  serverId?: string
  parameters?: number[]
  /** A server's sentence for people, in a NAK. */
  message?: string
  messageBytesMax?: number
  renewalSeconds?: number
  rebindingSeconds?: number
  clientId?: Uint8Array
  routes?: Route[]
}

export interface DhcpMessage {
  type: MessageType
  /** True for what a server sent. */
  reply: boolean
  xid: number
  /** Seconds since the client began; at most 65535. */
  seconds: number
  /** Asks the server to broadcast its answer: we cannot receive unicast before we have the address. */
  broadcast: boolean
  clientAddress: string
  yourAddress: string
  mac: Uint8Array
  options: DhcpOptions
}

/** Option numbers of RFC 2132, 3442. */
export const OptionCode = {
  subnetMask: 1,
  routers: 3,
  nameServers: 6,
  hostname: 12,
  domain: 15,
  mtuBytes: 26,
  requestedAddress: 50,
  leaseSeconds: 51,
  overload: 52,
  type: 53,
  serverId: 54,
  parameters: 55,
  message: 56,
  messageBytesMax: 57,
  renewalSeconds: 58,
  rebindingSeconds: 59,
  clientId: 61,
  routes: 121,
} as const

const PAD = 0
const END = 255
const ETHERNET = 1
const MAC_BYTES = 6
/** Where the fixed fields begin: chaddr, sname, file, the magic cookie and the options. */
const Offset = { mac: 28, serverName: 44, file: 108, cookie: 236, options: 240 } as const
const MAGIC_COOKIE = 0x63825363
/** A BOOTP message has at least this length, and some relays drop shorter ones (RFC 1542, 2.1). */
const MESSAGE_BYTES_MIN = 300
const BROADCAST_FLAG = 0x8000

export function encodeDhcp(message: DhcpMessage): Buffer {
  const fixed = Buffer.alloc(Offset.options)
  fixed[0] = message.reply ? 2 : 1
  fixed[1] = ETHERNET
  fixed[2] = MAC_BYTES
  fixed.writeUInt32BE(message.xid, 4)
  fixed.writeUInt16BE(Math.min(message.seconds, 0xffff), 8)
  fixed.writeUInt16BE(message.broadcast ? BROADCAST_FLAG : 0, 10)
  fixed.set(ipv4Bytes(message.clientAddress), 12)
  fixed.set(ipv4Bytes(message.yourAddress), 16)
  fixed.set(message.mac.subarray(0, MAC_BYTES), Offset.mac)
  fixed.writeUInt32BE(MAGIC_COOKIE, Offset.cookie)
  const bytes = Buffer.concat([fixed, ...encodeOptions(message), Buffer.of(END)])
  return Buffer.concat([bytes], Math.max(bytes.length, MESSAGE_BYTES_MIN))
}

const uint16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const addresses = (list: readonly string[]): Buffer => Buffer.concat(list.map(ipv4Bytes))

type Encoders = {
  [K in keyof Required<DhcpOptions>]: (value: Required<DhcpOptions>[K]) => Uint8Array
}
const encoders: Encoders = {
  subnetMask: ipv4Bytes,
  routers: addresses,
  nameServers: addresses,
  hostname: (text) => Buffer.from(text),
  domain: (text) => Buffer.from(text),
  mtuBytes: uint16,
  requestedAddress: ipv4Bytes,
  leaseSeconds: uint32,
  serverId: ipv4Bytes,
  parameters: (codes) => Buffer.from(codes),
  message: (text) => Buffer.from(text),
  messageBytesMax: uint16,
  renewalSeconds: uint32,
  rebindingSeconds: uint32,
  clientId: (bytes) => bytes,
  routes: (routes) => Buffer.concat(routes.map(encodeRoute)),
}

function encodeRoute({ destination, gateway }: Route): Buffer {
  const significant = Math.ceil(destination.prefix / 8)
  const network = ipv4Bytes(destination.address).subarray(0, significant)
  return Buffer.concat([Buffer.of(destination.prefix), network, ipv4Bytes(gateway)])
}

function encodeOptions({ type, options }: DhcpMessage): Buffer[] {
  const encoded = [Buffer.of(OptionCode.type, 1, MessageType[type])]
  for (const name of Object.keys(encoders) as (keyof DhcpOptions)[]) {
    const value = options[name]
    if (value === undefined) continue
    const bytes = (encoders[name] as (value: unknown) => Uint8Array)(value)
    if (bytes.length > 255) throw new Error(`BUG: DHCP option ${name} of ${bytes.length} bytes`)
    encoded.push(Buffer.concat([Buffer.of(OptionCode[name], bytes.length), bytes]))
  }
  return encoded
}

/** Null for what is not a DHCP message. Options that make no sense are left out, the rest is kept. */
export function decodeDhcp(bytes: Uint8Array): DhcpMessage | null {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.length < Offset.options || view.readUInt32BE(Offset.cookie) !== MAGIC_COOKIE) return null
  if (view[1] !== ETHERNET || view[2] !== MAC_BYTES || (view[0] !== 1 && view[0] !== 2)) return null
  const raw = readAllOptions(view)
  const typeCode = raw.get(OptionCode.type)?.[0]
  const names = Object.keys(MessageType) as MessageType[]
  const type = names.find((name) => MessageType[name] === typeCode)
  if (type === undefined) return null
  return {
    type,
    reply: view[0] === 2,
    xid: view.readUInt32BE(4),
    seconds: view.readUInt16BE(8),
    broadcast: (view.readUInt16BE(10) & BROADCAST_FLAG) !== 0,
    clientAddress: ipv4Text(view, 12),
    yourAddress: ipv4Text(view, 16),
    mac: Uint8Array.from(view.subarray(Offset.mac, Offset.mac + MAC_BYTES)),
    options: decodeOptions(raw),
  }
}

/** Options may go on in the unused `file` and `sname` fields (option 52). */
function readAllOptions(view: Buffer): Map<number, Buffer> {
  const raw = new Map<number, Buffer>()
  readOptions(view.subarray(Offset.options), raw)
  const overload = raw.get(OptionCode.overload)?.[0] ?? 0
  if ((overload & 1) !== 0) readOptions(view.subarray(Offset.file, Offset.cookie), raw)
  if ((overload & 2) !== 0) readOptions(view.subarray(Offset.serverName, Offset.file), raw)
  return raw
}

/** A repeated option continues the earlier one (RFC 3396); a cut-off one ends the reading. */
function readOptions(area: Buffer, raw: Map<number, Buffer>): void {
  for (let at = 0; at < area.length;) {
    const code = area[at] ?? END
    if (code === END) return
    if (code === PAD) {
      at++
      continue
    }
    const length = area[at + 1] ?? area.length
    const value = area.subarray(at + 2, at + 2 + length)
    if (value.length < length) return
    raw.set(code, Buffer.concat([raw.get(code) ?? Buffer.alloc(0), value]))
    at += 2 + length
  }
}

const one = (value: Buffer): string | undefined =>
  value.length === 4 ? ipv4Text(value) : undefined
const many = (value: Buffer): string[] | undefined =>
  value.length === 0 || value.length % 4 !== 0
    ? undefined
    : Array.from({ length: value.length / 4 }, (_, i) => ipv4Text(value, i * 4))
const seconds = (value: Buffer): number | undefined =>
  value.length === 4 ? value.readUInt32BE() : undefined
const short = (value: Buffer): number | undefined =>
  value.length === 2 ? value.readUInt16BE() : undefined
/** Some servers end text with a NUL, which is not part of it. */
const text = (value: Buffer): string => value.toString('latin1').replace(/\0.*$/s, '')

type Decoders = {
  [K in keyof Required<DhcpOptions>]: (value: Buffer) => DhcpOptions[K] | undefined
}
const decoders: Decoders = {
  subnetMask: one,
  routers: many,
  nameServers: many,
  hostname: text,
  domain: text,
  mtuBytes: short,
  requestedAddress: one,
  leaseSeconds: seconds,
  serverId: one,
  parameters: (value) => [...value],
  message: text,
  messageBytesMax: short,
  renewalSeconds: seconds,
  rebindingSeconds: seconds,
  clientId: (value) => Uint8Array.from(value),
  routes: decodeRoutes,
}

function decodeOptions(raw: Map<number, Buffer>): DhcpOptions {
  const options: Record<string, unknown> = {}
  for (const name of Object.keys(decoders) as (keyof DhcpOptions)[]) {
    const value = raw.get(OptionCode[name])
    const decoded = value === undefined ? undefined : decoders[name](value)
    if (decoded !== undefined) options[name] = decoded
  }
  return options
}

/** RFC 3442: prefix length, the significant bytes of the network, the gateway. All or nothing. */
function decodeRoutes(value: Buffer): Route[] | undefined {
  const routes: Route[] = []
  for (let at = 0; at < value.length;) {
    const prefix = value[at] ?? 0
    const significant = Math.ceil(prefix / 8)
    const end = at + 1 + significant + 4
    if (prefix > 32 || end > value.length) return undefined
    const network = Buffer.alloc(4)
    value.copy(network, 0, at + 1, at + 1 + significant)
    routes.push({
      destination: { address: ipv4Text(network), prefix },
      gateway: ipv4Text(value, end - 4),
    })
    at = end
  }
  return routes.length === 0 ? undefined : routes
}
