// Starts a node on this machine, in namespaces of its own: for `make run` and for tests.
// Root gets a network cable to it; an ordinary user gets as far as a user namespace goes.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { command } from '../qemu/command.ts'
import { Console } from '../qemu/console.ts'
import { makeCgroup, type OwnCgroup } from './own-cgroup.ts'
import { asOwnRoot } from './own-root.ts'
import { makePipe } from './pipe.ts'
import { connectVeth, type Veth } from './veth.ts'

export interface NamespaceNodeOptions {
  /** Made by `makeNodeDirectory`; the node's files stay in it, so that it can be started again. */
  dir: string
  /** `solocloud.KEY=VALUE` words for PID 1. */
  settings?: readonly string[]
  /** A network cable to this machine (root only); without it the node has loopback alone. */
  cable?: boolean
  /**
   * A program that is started instead of init, in the directory that is to be the root, with init's own
   * command line as its words; it ends in an exec of them. Tests limit the node by it.
   */
  under?: string
  /** Sees the console's text as it comes. */
  onConsole?: (text: string) => void
}

export interface NodeExit {
  code: number | null
  signal: NodeJS.Signals | null
}

const START_MS_MAX = 30_000
const STOP_MS_MAX = 30_000
const POLL_MS = 20

const isRoot = (): boolean => process.getuid?.() === 0

/** Resolves when PID 1 has been started, which is before it answers. */
export async function startNamespaceNode(options: NamespaceNodeOptions): Promise<NamespaceNode> {
  const cgroup = makeCgroup()
  if (cgroup === null && isRoot()) {
    throw new Error('root needs a cgroup for the node, and may make none: is cgroup2 mounted?')
  }
  const words = [...(await namespaceWords(cgroup)), join(import.meta.dirname, 'enter-root.sh')]
  // Joins the cgroup first: the new cgroup namespace's root is the cgroup of the moment.
  const joinCgroup = 'procs=$1; shift; [ -z "$procs" ] || echo $$ >"$procs"; exec "$@"'
  const script = ['sh', '-c', joinCgroup, 'sh', cgroup?.procsFile ?? '', ...words]
  const { reader, writeFd } = makePipe(join(options.dir, 'console'))
  // Ends with the thread that started it (PR_SET_PDEATHSIG), and takes PID 1 along (--kill-child).
  // In a session of its own, a Ctrl-C in the terminal reaches only us.
  const how = isRoot() ? 'overlay' : 'bind'
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', '--', ...script, options.dir, how, options.under ?? ''],
    {
      stdio: ['pipe', writeFd, writeFd, 'pipe'],
      detached: true,
    },
  )
  closeSync(writeFd)
  const node = new NamespaceNode(child, new Console(reader, options.onConsole), cgroup)
  return node.start(options.settings ?? [], options.cable ?? false)
}

async function namespaceWords(cgroup: OwnCgroup | null): Promise<string[]> {
  const own = isRoot() ? [] : await asOwnRoot()
  const namespaces = ['--pid', '--mount', '--net', '--uts', '--ipc']
  // Without a cgroup of its own the node shall not mount cgroup2 at all; the kernel then refuses it.
  if (cgroup !== null) namespaces.push('--cgroup')
  return ['unshare', ...own, ...namespaces, '--fork', '--kill-child', '--']
}

export class NamespaceNode {
  readonly console: Console
  readonly #child: ChildProcess
  readonly #cgroup: OwnCgroup | null
  readonly #exited: Promise<NodeExit>
  #exit: NodeExit | null = null
  #pid = 0
  #cable: Veth | null = null

  constructor(child: ChildProcess, console: Console, cgroup: OwnCgroup | null) {
    this.#child = child
    this.#cgroup = cgroup
    this.console = console
    this.#exited = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null) => {
        this.#exit = { code, signal }
        // The pipe may still hold its last words.
        void console.ended.then(() => resolve({ code, signal }))
      }
      child.once('error', () => end(null, null))
      child.once('close', end)
    })
  }

  /** Called once, by who has made it. `prepare` gets the pid of what is to become PID 1, in its namespaces. */
  async start(
    settings: readonly string[],
    cable: boolean,
    prepare?: (pid: number) => Promise<void>,
  ): Promise<this> {
    try {
      await this.#namespacesMade()
      const outer = String(this.#child.pid)
      this.#pid = Number(readFileSync(`/proc/${outer}/task/${outer}/children`, 'utf8'))
      await prepare?.(this.#pid)
      if (cable) this.#cable = await connectVeth(this.#pid)
      const words = [...(this.#cable?.settings ?? []), ...settings]
      ;(this.#child.stdin as Writable).end(words.map((word) => `${word}\n`).join(''))
    } catch (error) {
      await this.kill()
      throw error
    }
    return this
  }

  /** PID 1's pid on this machine. */
  get pid(): number {
    return this.#pid
  }

  /** The management socket, for `cloud`; root's, or the user's own. */
  get manage(): string {
    return `unix:${this.path('/run/solocloud/manage.sock')}`
  }

  /** The node's address on the cable; null without one. */
  get address(): string | null {
    return this.#cable?.node ?? null
  }

  /** Resolves when PID 1 has ended. */
  get gone(): Promise<NodeExit> {
    return this.#exited
  }

  /** A path on this machine that leads to the node's `path`, mounts included. */
  path(path: string): string {
    return `/proc/${this.#pid}/root${path}`
  }

  /** Words before a command that run it in the node's network namespace. */
  get inNetwork(): string[] {
    const user = isRoot() ? [] : ['--user', '--preserve-credentials']
    return ['nsenter', '--target', String(this.#pid), '--net', ...user, '--']
  }

  /** The body of http://127.0.0.1:PORT/PATH as seen from inside the node. Rejects unless it is a 200. */
  async get(port: number, path = '/'): Promise<string> {
    const program = `
      const reply = await fetch('http://127.0.0.1:${port}${path}', { signal: AbortSignal.timeout(5000) })
      process.stdout.write(await reply.text())
      process.exitCode = reply.status === 200 ? 0 : 1`
    const [file = '', ...args] = this.inNetwork
    return command(file, [...args, process.execPath, '--input-type=module', '-e', program])
  }

  /** Resolves with the time it took, in ms, once the node answers GET /v1/node. Rejects with the console. */
  async waitForManagement(timeoutMs = START_MS_MAX): Promise<number> {
    const start = performance.now()
    let last = 'no answer'
    while (performance.now() - start < timeoutMs) {
      if (this.#exit !== null) throw new Error(`the node has ended\n${this.console.tail}`)
      last = await this.#status()
      if (last === '200') return performance.now() - start
      await sleep(POLL_MS)
    }
    throw new Error(`the node does not answer: ${last} after ${timeoutMs} ms\n${this.console.tail}`)
  }

  /** Sends PID 1 a signal. */
  signal(name: NodeJS.Signals): void {
    process.kill(this.#pid, name)
  }

  /** How it ended. Rejects with the console when it does not within `timeoutMs`. */
  async waitForExit(timeoutMs = STOP_MS_MAX): Promise<NodeExit> {
    const late = AbortSignal.timeout(timeoutMs)
    const expired = new Promise<never>((_, reject) => {
      late.addEventListener('abort', () => {
        reject(new Error(`the node still runs after ${timeoutMs} ms\n${this.console.tail}`))
      })
    })
    const exit = await Promise.race([this.#exited, expired])
    await this.#cgroup?.remove()
    return exit
  }

  /** Powers the node off (SIGTERM) and waits. */
  async stop(timeoutMs = STOP_MS_MAX): Promise<NodeExit> {
    if (this.#exit === null) this.signal('SIGTERM')
    return this.waitForExit(timeoutMs)
  }

  /** Ends it at once, in any state, with every process in it. */
  async kill(): Promise<NodeExit> {
    if (this.#exit === null) this.#child.kill('SIGKILL')
    return this.waitForExit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }

  async #namespacesMade(): Promise<void> {
    const made = new Promise((resolve) => (this.#child.stdio[3] as Readable).once('data', resolve))
    const ended = this.#exited.then(() => {
      throw new Error(`no namespaces for the node\n${this.console.tail}`)
    })
    await Promise.race([made, ended])
  }

  async #status(): Promise<string> {
    return new Promise((resolve) => {
      const socketPath = this.path('/run/solocloud/manage.sock')
      const options = { socketPath, path: '/v1/node', timeout: 2000, agent: false }
      const asked = request(options, (reply) => {
        reply.resume().on('end', () => resolve(String(reply.statusCode)))
        reply.on('error', (error) => resolve(error.message))
      })
      asked.on('timeout', () => asked.destroy(new Error('no answer within 2 s')))
      asked.on('error', (error) => resolve(error.message))
      asked.end()
    })
  }
}
