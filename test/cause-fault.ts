// Asks a node that listens for it (solocloud.faults=listen:...) for a death.
import { connect, type NetConnectOpts } from 'node:net'
import type { FaultKind } from '../init/fault-spec.ts'

const ANSWER_MS_MAX = 5_000

/** Resolves when the node has answered that the death comes, which may be before it has come. */
export async function causeFault(where: NetConnectOpts, kind: FaultKind): Promise<void> {
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect({ ...where, timeout: ANSWER_MS_MAX }).setEncoding('utf8')
    let text = ''
    socket.on('data', (chunk) => (text += String(chunk)))
    socket.on('timeout', () => socket.destroy(new Error(`${kind}: no answer`)))
    // The death closes the connection: by a reset, where something of ours was not read.
    socket.on('error', (error) => (text === '' ? reject(error) : resolve(text)))
    socket.on('close', () => resolve(text))
    socket.on('data', () => resolve(text))
    socket.write(`${kind}\n`)
  })
  if (answer !== `ok ${kind}\n`) throw new Error(`${kind}: the node says ${JSON.stringify(answer)}`)
}
