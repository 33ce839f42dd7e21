// The peer on this machine: podman and crun in namespaces of their own, with a store of their own.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { command } from '../qemu/command.ts'
import type { PodmanTask } from './podman-inside.ts'
import { sandboxed } from '../qemu/sandbox.ts'

// The read-only tmpfs hides the machine's cgroups; a private /run hides its podman's state.
const PREPARE = `set -e
mount -t proc proc /proc
mount -t tmpfs -o ro tmpfs /sys/fs/cgroup
mount -t tmpfs tmpfs /run
ip link set lo up
exec "$@"`

/** `podman version 4.3.1` and `crun version 1.8.1`. */
export async function podmanVersions(): Promise<string[]> {
  const outputs = await Promise.all(['podman', 'crun'].map((name) => command(name, ['--version'])))
  return outputs.map((text) => (text.split('\n')[0] ?? '').replace(' version', ''))
}

export class PodmanPeer implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #answers: AsyncIterator<string>
  readonly #lines: Interface
  readonly #store: string
  readonly #gone: Promise<void>

  private constructor(store: string) {
    const inside = [process.execPath, join(import.meta.dirname, 'podman-inside.ts'), store]
    const [file = '', ...args] = sandboxed(['sh', '-c', PREPARE, 'sh', ...inside])
    this.#store = store
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#gone = new Promise((resolve) => {
      this.#child.once('close', () => resolve())
      this.#child.once('error', () => resolve())
    })
    // It may end before it has read: the missing answer tells.
    this.#child.stdin.on('error', () => undefined)
    this.#lines = createInterface({ input: this.#child.stdout })
    this.#answers = this.#lines[Symbol.asyncIterator]()
  }

  /** `store` is a directory that is made, and removed at the end. Needs root. */
  static async start(store: string): Promise<PodmanPeer> {
    await mkdir(store, { recursive: true })
    return new PodmanPeer(store)
  }

  /** ms from `podman load` to the first HTTP 200. The image and the container are gone afterwards. */
  async measure(task: PodmanTask): Promise<number> {
    this.#child.stdin.write(`${JSON.stringify(task)}\n`)
    const answer = await this.#answers.next()
    if (answer.done === true) throw new Error(`podman failed with ${task.tag}; its words are above`)
    return Number(answer.value)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lines.close()
    this.#child.kill('SIGKILL')
    await this.#gone
    await rm(this.#store, { recursive: true, force: true })
  }
}
