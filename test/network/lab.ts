// Two network namespaces joined by a veth pair, a node's and a peer's, which end with the test.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NAMESPACES = '--net --mount --pid --ipc --uts --fork --kill-child --mount-proc'.split(' ')
const WAIT_MS_MAX = 20_000

/** One set of namespaces; whatever runs in it dies with it. */
interface Room {
  holder: ChildProcess
  /** The pid of the namespace's init, as this test sees it. */
  pid: number
}

export interface Lab {
  directory: string
  /** Runs a command to its end in the network namespace only; its standard output. */
  node(...command: string[]): string
  peer(...command: string[]): string
  /** Starts a program that stays. */
  start(where: 'node' | 'peer', ...command: string[]): Program
  close(): void
}

export interface Program {
  /** Resolves with the first line of its output (earlier ones too) that matches. */
  line(pattern: RegExp): Promise<string>
  /** Everything it has written so far. */
  output(): string
  /** SIGKILL. */
  stop(): void
}

async function openRoom(): Promise<Room> {
  const words = [...NAMESPACES, 'sleep', '300']
  const holder = spawn('unshare', words, { stdio: 'ignore' })
  const children = `/proc/${holder.pid ?? 0}/task/${holder.pid ?? 0}/children`
  return eventually('a namespace', () => {
    const pid = Number(readFileSync(children, 'utf8').trim().split(' ')[0])
    const command = pid > 0 ? readFileSync(`/proc/${pid}/comm`, 'utf8').trim() : ''
    return command === 'sleep' ? { holder, pid } : null
  })
}

/** Asks until there is an answer; fails after 20 s. */
export async function eventually<T>(what: string, ask: () => T | null): Promise<T> {
  const endMs = performance.now() + WAIT_MS_MAX
  for (;;) {
    const answer = ask()
    if (answer !== null) return answer
    if (performance.now() > endMs) throw new Error(`${what}: not within ${WAIT_MS_MAX} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** The node has `eth0` (down), the peer `up0` (up). */
export async function openLab(): Promise<Lab> {
  const [node, peer] = [await openRoom(), await openRoom()]
  const directory = mkdtempSync(join(tmpdir(), 'solocloud-network-'))
  const run = (room: Room, command: string[]): string =>
    execFileSync('nsenter', ['-t', `${room.pid}`, '-n', '--', ...command], { encoding: 'utf8' })
  const lab: Lab = {
    directory,
    node: (...command) => run(node, command),
    peer: (...command) => run(peer, command),
    start: (where, ...command) => startProgram(where === 'node' ? node : peer, command),
    close() {
      node.holder.kill('SIGKILL')
      peer.holder.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    },
  }
  lab.peer('ip', ...`link add dev up0 type veth peer name eth0 netns ${node.pid}`.split(' '))
  lab.peer('ip', ...'link set dev up0 up'.split(' '))
  return lab
}

function startProgram(room: Room, command: string[]): Program {
  const words = ['-t', `${room.pid}`, '-n', '-m', '-p', '--', ...command]
  const child = spawn('nsenter', words, { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk))
  }
  return {
    line: (pattern) =>
      eventually(
        `${pattern.source} from ${command.join(' ')}`,
        () => text.split('\n').find((line) => pattern.test(line)) ?? null,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}; it wrote:\n${text}`)
      }),
    output: () => text,
    stop: () => stop(room, command),
  }
}

/** nsenter has forked: the program itself is found by its command line, among the room's processes. */
function stop(room: Room, command: string[]): void {
  const wanted = command.join('\0')
  const ours = readlinkSync(`/proc/${room.pid}/ns/pid`)
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '')
      const inside = readlinkSync(`/proc/${pid}/ns/pid`) === ours
      if (inside && words === wanted) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It has ended meanwhile.
    }
  }
}
