// A netlink socket for questions. The kernel answers while the question is being sent (it handles the
// message in the sender's own context), so there is nothing to wait for and nothing to poll.
import { closeSync } from 'node:fs'
import type { Native } from '../sys/native.ts'
import { AddressFamily, bindSocket, openSocket, receive, send, SocketType } from '../sys/socket.ts'
import { check, SysError } from '../sys/sys-error.ts'
import {
  ControlType,
  decodeMessages,
  encodeMessage,
  MessageFlag,
  uint32,
  type NetlinkMessage,
} from './netlink.ts'

/** NETLINK_* of <linux/netlink.h>. */
export const NetlinkProtocol = { route: 0, generic: 16 } as const

/** The kernel fills at most 32 KiB at once in a dump. */
const RECEIVE_BYTES = 32 * 1024
/** A dump of more parts than this is not one of a machine we run on. */
const PARTS_MAX = 4096
const ENODATA = -61
const ENOBUFS = -105

export interface NetlinkSocket {
  /** Sends one message and returns the answers; throws SysError when the kernel refuses. */
  request(what: string, type: number, flags: number, payload: Buffer): NetlinkMessage[]
  close(): void
}

/** struct sockaddr_nl: family, padding, port (0: the kernel chooses, or the kernel itself), groups. */
const netlinkAddress = (): Buffer => {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt16LE(AddressFamily.netlink, 0)
  return bytes
}

function open(native: Native, protocol: number): number {
  const fd = openSocket(native, AddressFamily.netlink, SocketType.raw, protocol)
  try {
    bindSocket(native, fd, netlinkAddress())
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Throws SysError. */
export function openNetlink(native: Native, protocol: number): NetlinkSocket {
  const fd = open(native, protocol)
  let sequence = 0
  return {
    request(what, type, flags, payload) {
      sequence = (sequence + 1) >>> 0
      const message = {
        type,
        flags: flags | MessageFlag.request | MessageFlag.ack,
        sequence,
        payload,
      }
      send(native, fd, encodeMessage(message), netlinkAddress())
      return collect(native, fd, sequence, what)
    },
    close: () => closeSync(fd),
  }
}

/** Reads until the acknowledgement (or, in a dump, its end). Answers to other questions are dropped. */
function collect(native: Native, fd: number, sequence: number, what: string): NetlinkMessage[] {
  const answers: NetlinkMessage[] = []
  for (let part = 0; part < PARTS_MAX; part++) {
    const bytes = Buffer.alloc(RECEIVE_BYTES)
    const size = receive(native, fd, bytes)
    if (size === null) break
    for (const message of decodeMessages(bytes.subarray(0, size))) {
      if (message.sequence !== sequence) continue
      if (message.type === ControlType.done) return answers
      if (message.type === ControlType.error) {
        check(message.payload.readInt32LE(0), 'netlink', what)
        return answers
      }
      answers.push(message)
    }
  }
  throw new SysError('netlink', `${what}: no answer`, ENODATA)
}

const SOL_NETLINK = 270
const NETLINK_ADD_MEMBERSHIP = 1
const RECEIVED_AT_ONCE_MAX = 64

/** What a subscription delivers: messages, or the news that some were lost and must be asked for. */
export interface Subscriber {
  message(message: NetlinkMessage): void
  lost(): void
}

/** Joins multicast groups by number and reports from the event loop; the returned function ends it. */
export function subscribe(
  native: Native,
  protocol: number,
  groups: readonly number[],
  subscriber: Subscriber,
): () => void {
  const fd = open(native, protocol)
  try {
    for (const group of groups) {
      const value = uint32(group)
      check(native.setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, value), 'setsockopt')
    }
    check(
      native.watch(fd, () => drain(native, fd, subscriber)),
      'watch',
    )
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return () => {
    native.unwatch(fd)
    closeSync(fd)
  }
}

/** A bounded number each time: a storm of news must not keep PID 1 from everything else. */
function drain(native: Native, fd: number, subscriber: Subscriber): void {
  for (let part = 0; part < RECEIVED_AT_ONCE_MAX; part++) {
    const bytes = Buffer.alloc(RECEIVE_BYTES)
    const size = native.recv(fd, bytes, 0)
    // Also ENOBUFS, after which reading goes on with the next wake-up.
    if (size < 0) {
      if (size === ENOBUFS) subscriber.lost()
      return
    }
    for (const message of decodeMessages(bytes.subarray(0, size))) subscriber.message(message)
  }
}
