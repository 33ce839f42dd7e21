// How who installs has come here: sshd leaves SSH_CONNECTION to the shell, and sudo takes it away again.
import type { OldSystem } from './old-system.ts'

/** Shells, sudo, screen: nobody is deeper. */
const ANCESTORS_MAX = 32

export interface SshConnection {
  /** `client port server port` */
  text: string
  server: string
  port: number
}

/** Of this process or the next ancestor that has one; null when nobody came by ssh. */
export function lookSshConnection(old: OldSystem, pid = 'self'): SshConnection | null {
  for (let [at, steps] = [pid, 0]; steps < ANCESTORS_MAX && at !== '0'; steps++) {
    const environment = old.text(`/proc/${at}/environ`) ?? ''
    const text = /(?:^|\0)SSH_CONNECTION=([^\0]*)/.exec(environment)?.[1]
    if (text !== undefined) return parse(text)
    // The name of a program, the second field, may hold anything, also a parenthesis.
    at = /^.*\) \S (\d+) /s.exec(old.text(`/proc/${at}/stat`) ?? '')?.[1] ?? '0'
  }
  return null
}

function parse(text: string): SshConnection | null {
  const [, server, port] = /^\S+ \d+ (\S+) (\d+)$/.exec(text) ?? []
  return server === undefined ? null : { text, server, port: Number(port) }
}
