// `make run`: a node on this machine, in namespaces of its own, with the three examples.
import { join } from 'node:path'
import { getText } from './get-text.ts'
import { startNamespaceNode } from './namespace-node.ts'
import { makeNodeDirectory, removeNodeDirectory } from './node-directory.ts'
import { makeScratch } from './scratch.ts'
import { show } from './show.ts'
import { INIT, ROOT } from './tour.ts'

const scratch = await makeScratch(join(ROOT, 'build/run'))

await show(
  async (onConsole) => {
    const dir = join(scratch, 'disk')
    await makeNodeDirectory(dir, INIT)
    // Only root may lay a cable to this machine; without one, everything goes through the namespace.
    const cable = process.getuid?.() === 0
    const node = await startNamespaceNode({ dir, cable, onConsole })
    const { address } = node
    const url = (port: number) => `http://${address ?? '127.0.0.1'}:${port}/`
    const before = address === null ? [...node.inNetwork, ''].join(' ') : ''
    return {
      manage: node.manage,
      get: (port) => (address === null ? node.get(port) : getText(url(port))),
      hint: (port) => `${before}curl ${url(port)}`,
      hints: [`ls ${join(dir, 'upper')}    # all that is on the node's disk`],
      gone: node.gone,
      waitForManagement: () => node.waitForManagement(),
      powerOff: async () => {
        const { code, signal } = await node.stop()
        if (code !== 0) throw new Error(`PID 1 ended with ${String(signal ?? code)}`)
      },
      kill: () => node.kill(),
    }
  },
  () => removeNodeDirectory(scratch),
)
