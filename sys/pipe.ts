// Pipes and memory files, close-on-exec as every descriptor of ours.
import type { Native } from './native.ts'
import { check } from './sys-error.ts'

/** O_NONBLOCK of <fcntl.h>. */
export const O_NONBLOCK = 0x800
/** F_* of <fcntl.h>. */
export const Fcntl = {
  getDescriptorFlags: 1,
  setDescriptorFlags: 2,
  getStatusFlags: 3,
  setStatusFlags: 4,
  setPipeSize: 1031,
  getPipeSize: 1032,
} as const

export interface Pipe {
  read: number
  write: number
}

/** A pipe; its ends block unless O_NONBLOCK is among the flags. Throws SysError. */
export function openPipe(native: Native, flags = 0): Pipe {
  const fds = new Int32Array(2)
  check(native.pipe2(fds, flags), 'pipe2')
  const [read = -1, write = -1] = fds
  return { read, write }
}

/** A pair of connected sockets, as a pipe: what is read can be looked at first (`peek`). Throws SysError. */
export function openSocketPair(native: Native): Pipe {
  const fds = new Int32Array(2)
  check(native.socketpair(fds), 'socketpair')
  const [read = -1, write = -1] = fds
  return { read, write }
}

const EAGAIN = -11
const EINTR = -4

/** Bytes read, 0 at end of file, null when nothing waits. Throws SysError. */
export function readAvailable(native: Native, fd: number, bytes: Uint8Array): number | null {
  const result = native.read(fd, bytes)
  return result === EAGAIN || result === EINTR ? null : check(result, 'read')
}

/** MSG_* of <sys/socket.h>. */
const MSG_PEEK = 2
const MSG_DONTWAIT = 0x40

/**
 * As `readAvailable`, of a socket; 'peek': what is there stays there. Before Linux 4.4 that shows the first
 * write only. Throws SysError.
 */
export function receive(
  native: Native,
  fd: number,
  bytes: Uint8Array,
  how: 'take' | 'peek',
): number | null {
  const result = native.recv(fd, bytes, how === 'peek' ? MSG_DONTWAIT | MSG_PEEK : MSG_DONTWAIT)
  return result === EAGAIN || result === EINTR ? null : check(result, 'recv')
}

/** The status flags or pipe size that fcntl(2) answers. Throws SysError. */
export function fcntl(
  native: Native,
  fd: number,
  command: keyof typeof Fcntl,
  argument = 0,
): number {
  return check(native.fcntl(fd, Fcntl[command], argument), 'fcntl', command)
}
