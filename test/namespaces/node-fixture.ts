// A real node in namespaces for a test file: build/init on a directory, and what it leaves on its disk.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  startNamespaceNode,
  type NamespaceNode,
  type NamespaceNodeOptions,
} from '../../demo/namespace-node.ts'
import { makeNodeDirectory, removeNodeDirectory } from '../../demo/node-directory.ts'
import { makeScratch } from '../../demo/scratch.ts'
import { appStatuses } from '../../protocol/wire.ts'
import type { AppStatus } from '../../protocol/api.ts'
import { cloudJson } from '../run-cloud.ts'

const ROOT = join(import.meta.dirname, '../..')

export interface FixtureOptions extends Omit<NamespaceNodeOptions, 'dir'> {
  /** Puts files onto the node's disk before its first boot. */
  prepare?: (disk: string) => Promise<void>
}

export class NodeFixture {
  readonly scratch: string
  readonly #options: FixtureOptions
  node: NamespaceNode

  private constructor(scratch: string, options: FixtureOptions, node: NamespaceNode) {
    this.scratch = scratch
    this.#options = options
    this.node = node
  }

  static async make(name: string, options: FixtureOptions = {}): Promise<NodeFixture> {
    const scratch = join(await makeScratch(join(ROOT, 'build/namespace-tests')), name)
    await makeNodeDirectory(scratch, join(ROOT, 'build/init'))
    await options.prepare?.(join(scratch, 'upper'))
    return new NodeFixture(scratch, options, await NodeFixture.#start(scratch, options))
  }

  static async #start(dir: string, options: FixtureOptions): Promise<NamespaceNode> {
    const node = await startNamespaceNode({ ...options, dir })
    await node.waitForManagement()
    return node
  }

  /** Powers it off and on again: the disk is the same, but for what `meanwhile` does to it. */
  async reboot(meanwhile: () => void = () => undefined): Promise<void> {
    await this.node.stop()
    meanwhile()
    this.node = await NodeFixture.#start(this.scratch, this.#options)
  }

  async apps(): Promise<AppStatus[]> {
    return appStatuses(await cloudJson('ps', this.node.manage), 'ps')
  }

  async app(name: string): Promise<AppStatus> {
    const found = (await this.apps()).find((app) => app.name === name)
    if (found === undefined) throw new Error(`no app ${name}`)
    return found
  }

  /** Every path below /chroots down to the generations, sorted: what pushes have left. */
  chroots(): string[] {
    const below = (path: string, depth: number): string[] =>
      readdirSync(join(this.scratch, 'upper/chroots', path), { withFileTypes: true }).flatMap(
        (entry) => {
          const name = join(path, entry.name)
          return entry.isDirectory() && depth > 1 ? [name, ...below(name, depth - 1)] : [name]
        },
      )
    return below('', 3).sort()
  }

  /** Pids (on this machine) of the processes in the node whose command line matches. */
  processes(commandLine: RegExp): number[] {
    const inside = (pid: string): boolean => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return commandLine.test(command) && this.#isInside(Number(pid))
      } catch {
        return false
      }
    }
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && inside(name))
      .map(Number)
  }

  /** The node's PID 1 is among the parents. */
  #isInside(pid: number): boolean {
    for (let at = pid; at > 1;) {
      if (at === this.node.pid) return true
      const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${at}/status`, 'utf8'))?.[1]
      at = Number(parent)
    }
    return false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.kill()
    await removeNodeDirectory(this.scratch)
  }
}
