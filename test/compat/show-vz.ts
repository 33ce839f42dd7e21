// The other half of `openvz-kernel SOCKET PROGRAM`, for one start of a container.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** What shows /proc/vz to a container of one boot; it ends with the container. */
export async function showVz(program: string, socket: string): Promise<ChildProcess> {
  const server = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, socket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(server.stdout, 'data')
  return server
}
