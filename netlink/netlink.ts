// Netlink messages and attributes (netlink(7)): bytes to data and back. Numbers are in the
// machine's own order, which is little-endian on everything that solocloud runs on.

export interface NetlinkMessage {
  type: number
  flags: number
  sequence: number
  payload: Buffer
}

/** NLM_F_* of <linux/netlink.h>. */
export const MessageFlag = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
} as const
/** NLMSG_* of <linux/netlink.h>. */
export const ControlType = { noop: 1, error: 2, done: 3, overrun: 4 } as const

const HEADER_BYTES = 16
const ATTRIBUTE_HEADER_BYTES = 4
/** NLA_F_NESTED and NLA_F_NET_BYTEORDER share the field with the type. */
const ATTRIBUTE_TYPE_MASK = 0x3fff

const aligned = (bytes: number): number => (bytes + 3) & ~3

export function encodeMessage({ type, flags, sequence, payload }: NetlinkMessage): Buffer {
  const bytes = Buffer.alloc(aligned(HEADER_BYTES + payload.length))
  bytes.writeUInt32LE(HEADER_BYTES + payload.length, 0)
  bytes.writeUInt16LE(type, 4)
  bytes.writeUInt16LE(flags, 6)
  bytes.writeUInt32LE(sequence, 8)
  bytes.set(payload, HEADER_BYTES)
  return bytes
}

/** Every whole message; what is cut off at the end is left out. Payloads share memory with `bytes`. */
export function decodeMessages(bytes: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = []
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const length = bytes.readUInt32LE(at)
    if (length < HEADER_BYTES || at + length > bytes.length) break
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      payload: bytes.subarray(at + HEADER_BYTES, at + length),
    })
    at += aligned(length)
  }
  return messages
}

/** [type, value] pairs, one after another, each padded to four bytes. */
export function encodeAttributes(attributes: readonly (readonly [number, Uint8Array])[]): Buffer {
  const parts = attributes.map(([type, value]) => {
    const bytes = Buffer.alloc(aligned(ATTRIBUTE_HEADER_BYTES + value.length))
    bytes.writeUInt16LE(ATTRIBUTE_HEADER_BYTES + value.length, 0)
    bytes.writeUInt16LE(type, 2)
    bytes.set(value, ATTRIBUTE_HEADER_BYTES)
    return bytes
  })
  return Buffer.concat(parts)
}

/** Attributes by type; of several with one type the last. A cut-off one ends the reading. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>()
  for (let at = 0; at + ATTRIBUTE_HEADER_BYTES <= bytes.length;) {
    const length = bytes.readUInt16LE(at)
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > bytes.length) break
    const type = bytes.readUInt16LE(at + 2) & ATTRIBUTE_TYPE_MASK
    attributes.set(type, bytes.subarray(at + ATTRIBUTE_HEADER_BYTES, at + length))
    at += aligned(length)
  }
  return attributes
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** Text as the kernel wants it: with a NUL at its end. */
export const cString = (text: string): Buffer => Buffer.from(`${text}\0`)
export const cText = (bytes: Uint8Array | undefined): string | null =>
  bytes === undefined ? null : Buffer.from(bytes).toString().replace(/\0.*$/s, '')
