// Our side on this machine: a node in namespaces of its own, and `cloud start` as the operator types it.
import { join } from 'node:path'
import { type NamespaceNode, startNamespaceNode } from '../demo/namespace-node.ts'
import { makeNodeDirectory, removeNodeDirectory } from '../demo/node-directory.ts'
import { command } from '../qemu/command.ts'
import { ask, httpOk, untilAnswer } from './probe.ts'

const ROOT = join(import.meta.dirname, '..')
export const INIT = join(ROOT, 'build/init')
const CLOUD = join(ROOT, 'build/cloud')
// As podman-inside.ts does.
const PACE = { pauseMs: 5, attemptMs: 1000, timeoutMs: 120_000 }

/** Runs `build/cloud` to its end; rejects with what it printed when it fails. */
export async function cloud(...words: string[]): Promise<string> {
  return command(CLOUD, words)
}

export interface PushTask {
  app: string
  /** The packed image. */
  file: string
  port: number
}

export class SolocloudNode implements AsyncDisposable {
  readonly #node: NamespaceNode
  readonly #dir: string
  readonly #address: string

  private constructor(node: NamespaceNode, dir: string, address: string) {
    this.#node = node
    this.#dir = dir
    this.#address = address
  }

  /** `dir` becomes the node's disk, and is removed at the end. Needs root, for the cable. */
  static async start(dir: string): Promise<SolocloudNode> {
    await makeNodeDirectory(dir, INIT)
    const node = await startNamespaceNode({ dir, cable: true })
    try {
      await node.waitForManagement()
      if (node.address === null) throw new Error('BUG: a node with a cable has no address')
      return new SolocloudNode(node, dir, node.address)
    } catch (error) {
      await node.kill()
      throw error
    }
  }

  /** ms from the start of `cloud start` to the first HTTP 200. The app is gone afterwards. */
  async measure({ app, file, port }: PushTask): Promise<number> {
    const probe = { host: this.#address, port, ...httpOk('/') }
    const start = performance.now()
    const failed = new AbortController()
    const pushed = cloud('start', this.#node.manage, file)
    void pushed.catch(() => failed.abort())
    const answered = untilAnswer((signal) => ask(probe, signal), PACE, failed.signal)
    const ms = answered.then(() => performance.now() - start)
    const [, taken] = await Promise.all([pushed, ms])
    await cloud('stop', this.#node.manage, app)
    return taken
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node.kill()
    await removeNodeDirectory(this.#dir)
  }
}
