// A pipe with a descriptor at the end that a child gets: Node's own are sockets, and what is a socket can't be
// opened anew by its name in /proc, as PID 1 does with its console.
import { execFileSync } from 'node:child_process'
import { constants, openSync, unlinkSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'

export interface Pipe {
  reader: Readable
  /** To be closed once the child has it: the reader ends when the last copy is closed. */
  writeFd: number
}

/** `path` must be free; nothing is left there. */
export function makePipe(path: string): Pipe {
  execFileSync('mkfifo', ['--mode=600', path])
  try {
    const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const writeFd = openSync(path, constants.O_WRONLY)
    return { reader: new Socket({ fd: readFd, readable: true, writable: false }), writeFd }
  } finally {
    unlinkSync(path)
  }
}
