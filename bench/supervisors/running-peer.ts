// Starts a peer in namespaces of its own: an overlay of its packages and of what it is told.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCgroup, type OwnCgroup } from '../../demo/own-cgroup.ts'
import type { Packages } from '../../qemu/packages.ts'
import { type Programs, writePeerRoot } from './peer-directory.ts'
import { type Peer, stampFile } from './peers.ts'
import { childrenOf } from './process-tree.ts'
import type { Running } from './running.ts'

const START_MS_MAX = 10_000
const POLL_MS = 10
const TAIL_LENGTH = 2000

export interface PeerParts {
  packages: Packages
  programs: Programs
  /** A directory for this instance; removed at the end. */
  dir: string
}

/** Resolves when the namespaces are there, which is before its services run. Needs root. */
export async function startPeer(peer: Peer, count: number, parts: PeerParts): Promise<Running> {
  const { packages, programs, dir } = parts
  await mkdir(dir, { recursive: true, mode: 0o700 })
  for (const name of ['work', 'root']) await mkdir(join(dir, name))
  await writePeerRoot(join(dir, 'upper'), programs, peer.files(count))
  const lower = ['libc6', ...peer.packages].map((name) => packages.directory(name)).join(':')
  const cgroup = makeCgroup()
  if (cgroup === null) throw new Error('no cgroup for the peer: is cgroup2 mounted?')
  const child = spawnPeer(dir, cgroup, [dir, lower, ...peer.words(count)])
  const running = new RunningPeer(peer.name, dir, child, cgroup)
  try {
    await running.started()
  } catch (error) {
    await running[Symbol.asyncDispose]()
    throw error
  }
  return running
}

function spawnPeer(dir: string, cgroup: OwnCgroup, words: readonly string[]): ChildProcess {
  // Joins the cgroup first: the new cgroup namespace's root is the cgroup of the moment.
  const joinCgroup = 'echo $$ >"$1"; shift; exec "$@"'
  const namespaces = ['--pid', '--mount', '--net', '--uts', '--ipc', '--cgroup']
  const log = openSync(join(dir, 'log'), 'a')
  try {
    return spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', '--', 'sh', '-c', joinCgroup, 'sh', cgroup.procsFile],
        ...['unshare', ...namespaces, '--fork', '--kill-child', '--'],
        ...[join(import.meta.dirname, 'enter-peer.sh'), ...words],
      ],
      { stdio: ['ignore', log, log], detached: true },
    )
  } finally {
    closeSync(log)
  }
}

class RunningPeer implements Running {
  readonly name: string
  readonly #dir: string
  readonly #child: ChildProcess
  readonly #cgroup: OwnCgroup
  readonly #gone: Promise<void>
  pid = 0

  constructor(name: string, dir: string, child: ChildProcess, cgroup: OwnCgroup) {
    this.name = name
    this.#dir = dir
    this.#child = child
    this.#cgroup = cgroup
    this.#gone = new Promise((resolve) => {
      child.once('error', () => resolve())
      child.once('close', () => resolve())
    })
  }

  /** Resolves once PID 1 is the peer and no longer the script that prepares its root. */
  async started(): Promise<void> {
    const start = performance.now()
    while (performance.now() - start < START_MS_MAX) {
      if (this.#child.exitCode !== null) break
      this.pid = childrenOf(this.#child.pid ?? 0)[0] ?? 0
      if (this.pid !== 0 && existsSync(this.#path('/run/stamps'))) return
      await sleep(POLL_MS)
    }
    throw new Error(`${this.name} does not start\n${this.tail()}`)
  }

  stamps(index: number): string {
    return this.#path(stampFile(index))
  }

  /** Nothing of it tells that its start is over. */
  async ready(): Promise<void> {
    await Promise.resolve()
  }

  /** It ends with its PID 1. */
  deaths(): string[] {
    return []
  }

  tail(): string {
    return readFileSync(join(this.#dir, 'log'), 'utf8').slice(-TAIL_LENGTH)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#gone
    await this.#cgroup.remove()
    await rm(this.#dir, { recursive: true, force: true })
  }

  #path(path: string): string {
    return `/proc/${this.pid}/root${path}`
  }
}
