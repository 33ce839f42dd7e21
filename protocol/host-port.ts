// A TCP address as people write it.
import { isIP } from 'node:net'

export interface HostPort {
  host: string
  port: number
}

/** `HOST:PORT` or `[v6]:PORT`; null for anything else. */
export function parseHostPort(text: string): HostPort | null {
  const [, v6, name, digits = ''] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const host = v6 ?? name ?? ''
  const port = Number(digits)
  const valid = host !== '' && (v6 === undefined || isIP(v6) === 6) && port >= 1 && port <= 65535
  return valid ? { host, port } : null
}
