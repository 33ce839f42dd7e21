// Binds the management server: a Unix socket that only root can reach, or a group too, and TCP addresses.
import { chmod, chown, lstat, mkdir, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect, isIPv6, type AddressInfo, type ListenOptions } from 'node:net'
import { dirname } from 'node:path'

export interface TcpAddress {
  /** An IP address or a host name of this machine. */
  host: string
  /** 0: any free one. */
  port: number
}

const BACKLOG = 64

/** Resolves with `unix:PATH`. Rejects with EADDRINUSE when another process answers there. */
export async function listenUnix(server: Server, path: string): Promise<string> {
  const directory = dirname(path)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  // Also when it was there before: between bind and chmod below, only the directory keeps others out.
  await chmod(directory, 0o700)
  await removeStale(path)
  await bind(server, { path, backlog: BACKLOG })
  await chmod(path, 0o600)
  return `unix:${path}`
}

/** Lets a group's members use the socket at `path` too. Rejects with Node's error, and then root's it stays. */
export async function openToGroup(path: string, gid: number): Promise<void> {
  const uid = process.geteuid?.() ?? 0
  await chown(path, uid, gid)
  await chmod(path, 0o660)
  await chown(dirname(path), uid, gid)
  await chmod(dirname(path), 0o750)
}

/** Resolves with `HOST:PORT`, the port that was really bound. */
export async function listenTcp(server: Server, { host, port }: TcpAddress): Promise<string> {
  await bind(server, { host, port, backlog: BACKLOG })
  const bound = server.address() as AddressInfo
  return isIPv6(bound.address)
    ? `[${bound.address}]:${bound.port}`
    : `${bound.address}:${bound.port}`
}

/** A socket file outlives its process: after a crash of ours, nobody answers on it. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null)
  if (found === null) return
  if (!found.isSocket() || (await answers(path))) {
    throw Object.assign(new Error(`listen ${path}: it is in use, or not a socket`), {
      code: 'EADDRINUSE',
    })
  }
  await unlink(path)
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const finish = (answered: boolean): void => {
      socket.destroy()
      resolve(answered)
    }
    socket.once('connect', () => finish(true)).once('error', () => finish(false))
  })
}

function bind(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
