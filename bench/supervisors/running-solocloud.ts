// Our side: the node as PID 1 in namespaces, with as many apps as a peer has services.
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type NamespaceNode, startNamespaceNode } from '../../demo/namespace-node.ts'
import { removeNodeDirectory } from '../../demo/node-directory.ts'
import { appName, appStampFile, makeInstalledNode } from './installed-node.ts'
import type { Programs } from './peer-directory.ts'
import { type Running, START_MS_MAX } from './running.ts'

export const OURS = 'solocloud'

/** What it waits between a death and the restart. */
export const OUR_DELAY = '50-100 ms (backoff with jitter), doubled by each death within 10 s'

/** Makes the node's disk in `dir`, which is removed at the end, and boots it. Needs root. */
export async function startSolocloud(
  count: number,
  programs: Programs,
  dir: string,
): Promise<Running> {
  await mkdir(dirname(dir), { recursive: true })
  try {
    await makeInstalledNode(dir, count, programs)
    return new RunningSolocloud(await startNamespaceNode({ dir }), dir)
  } catch (error) {
    await removeNodeDirectory(dir)
    throw error
  }
}

/** The console's lines that tell how a life of PID 1 ended. */
export function deathsIn(console: string): string[] {
  return [...console.matchAll(/life \d+ of init ended: .+$/gm)].map(([line]) => line)
}

class RunningSolocloud implements Running {
  readonly name = OURS
  readonly #node: NamespaceNode
  readonly #dir: string

  constructor(node: NamespaceNode, dir: string) {
    this.#node = node
    this.#dir = dir
  }

  get pid(): number {
    return this.#node.pid
  }

  stamps(index: number): string {
    return this.#node.path(`/chroots/${appName(index)}${appStampFile(index)}`)
  }

  async ready(): Promise<void> {
    await this.#node.waitForManagement(START_MS_MAX)
  }

  deaths(): string[] {
    return deathsIn(this.#node.console.text)
  }

  tail(): string {
    return this.#node.console.tail
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node.kill()
    await removeNodeDirectory(this.#dir)
  }
}
