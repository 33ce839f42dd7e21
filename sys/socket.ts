// Sockets that Node has no class for: packet and netlink ones. Non-blocking: null means "not now".
import type { Native } from './native.ts'
import { check } from './sys-error.ts'

/** AF_* of <sys/socket.h>. */
export const AddressFamily = { unix: 1, inet: 2, inet6: 10, netlink: 16, packet: 17 } as const
/** SOCK_* of <sys/socket.h>. */
export const SocketType = { stream: 1, datagram: 2, raw: 3 } as const
export const SOL_SOCKET = 1
/** SO_* of <sys/socket.h>, the same on x86-64 and arm64. */
export const SocketOption = {
  reuseAddress: 2,
  broadcast: 6,
  receiveBuffer: 8,
  bindToDevice: 25,
  attachFilter: 26,
} as const

const EAGAIN = -11
const EINTR = -4

export function openSocket(native: Native, domain: number, type: number, protocol: number): number {
  return check(native.socket(domain, type, protocol), 'socket')
}

export function bindSocket(native: Native, fd: number, address: Uint8Array): void {
  check(native.bind(fd, address), 'bind')
}

/** Bytes received, 0 at end of file, null when nothing waits. Throws SysError. */
export function receive(native: Native, fd: number, bytes: Uint8Array, flags = 0): number | null {
  return orNotNow(native.recv(fd, bytes, flags), 'recv')
}

/** Bytes sent, null when the socket's buffer is full. Throws SysError. */
export function send(
  native: Native,
  fd: number,
  bytes: Uint8Array,
  address: Uint8Array,
): number | null {
  return orNotNow(native.sendto(fd, bytes, 0, address), 'sendto')
}

function orNotNow(result: number, syscall: string): number | null {
  return result === EAGAIN || result === EINTR ? null : check(result, syscall)
}
