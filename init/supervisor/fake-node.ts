// For tests: a clock that a test moves, and a machine whose children do what the test says.
import { closeSync, openSync } from 'node:fs'
import { Writable } from 'node:stream'
import { fakeNative } from '../../sys/fake-native.ts'
import type { Native } from '../../sys/native.ts'
import { signalName } from '../../sys/signals.ts'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

const EAGAIN = -11

interface Timer {
  atMs: number
  fire: () => void
}

export class FakeClock implements Clock {
  #nowMs = 0
  #timers: Timer[] = []

  nowMs(): number {
    return this.#nowMs
  }
  wallMs(): number {
    return Date.UTC(2030, 0, 1) + this.#nowMs
  }
  after(ms: number, fire: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, fire }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }
  /** Fires what is due on the way, in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    for (;;) {
      const next = this.#timers.toSorted((one, other) => one.atMs - other.atMs)[0]
      if (next === undefined || next.atMs > endMs) break
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      this.#timers = this.#timers.filter((other) => other !== next)
      next.fire()
    }
    this.#nowMs = endMs
  }
  timers(): number {
    return this.#timers.length
  }
}

class FakePipe {
  readonly waiting: Buffer[] = []
  ended = false
  ready: (() => void) | null = null

  say(bytes: Buffer): void {
    this.waiting.push(bytes)
    this.wake()
  }
  end(): void {
    this.ended = true
    this.wake()
  }
  wake(): void {
    this.ready?.()
  }
  read(into: Uint8Array): number {
    const first = this.waiting.shift()
    if (first === undefined) return this.ended ? 0 : EAGAIN
    const count = Math.min(first.length, into.length)
    into.set(first.subarray(0, count))
    if (count < first.length) this.waiting.unshift(first.subarray(count))
    return count
  }
}

export class FakeChild {
  readonly pid: number
  readonly argv: readonly string[]
  readonly namespaces: number
  /** By the number that the child sees. */
  readonly #pipes: (FakePipe | undefined)[]
  readonly #machine: FakeMachine
  alive = true

  constructor(
    machine: FakeMachine,
    pid: number,
    argv: readonly string[],
    namespaces: number,
    pipes: (FakePipe | undefined)[],
  ) {
    this.#machine = machine
    this.pid = pid
    this.argv = argv
    this.namespaces = namespaces
    this.#pipes = pipes
  }

  say(fd: number, text: string | Buffer): void {
    this.#pipes[fd]?.say(Buffer.from(text))
  }
  closes(fd: number): void {
    this.#pipes[fd]?.end()
  }
  /** Ends with a wait status, and SIGCHLD arrives. */
  exit(status: number): void {
    this.dies(status)
    this.#machine.sigchld()
  }
  /** Ends, and PID 1 has not heard of it yet. */
  dies(status: number): void {
    if (!this.alive) throw new Error(`the test ended child ${this.pid} twice`)
    this.alive = false
    this.#machine.zombies.push([this.pid, status])
    for (const pipe of this.#pipes) if (pipe !== undefined) pipe.ended = true
  }
}

/** Descriptors are real ones of /dev/null, so that the test can count leaks. */
export class FakeMachine {
  readonly children: FakeChild[] = []
  readonly zombies: [number, number][] = []
  readonly signals: string[] = []
  readonly unmounted: string[] = []
  /** What a signal does beside being recorded. */
  onSignal: (child: FakeChild, signal: string) => void = () => undefined
  onUnmount: () => void = () => undefined
  /** Runs before spawn returns. */
  onSpawn: (child: FakeChild) => void = () => undefined
  /** A result of spawn other than a pid. */
  spawnError = 0
  reap: () => void = () => undefined
  readonly native: Native
  readonly #readers = new Map<number, FakePipe>()
  readonly #writers = new Map<number, FakePipe>()

  constructor() {
    this.native = fakeNative({
      pipe2: (fds) => this.#pipe2(fds),
      fcntl: () => 0,
      read: (fd, bytes) => this.#reader(fd).read(bytes),
      watch: (fd, ready) => {
        this.#reader(fd).ready = ready
        return 0
      },
      unwatch: (fd) => {
        this.#reader(fd).ready = null
        return 0
      },
      spawn: (argv, _env, namespaces, fds) => this.#spawn(argv, namespaces, fds),
      waitpid: (result) => {
        const [pid, status] = this.zombies.shift() ?? [0, 0]
        result[0] = status
        return pid
      },
      kill: (pid, signal) => this.#kill(pid, signalName(signal)),
      umount2: (target) => {
        this.unmounted.push(target)
        this.onUnmount()
        return 0
      },
    })
  }

  sigchld(): void {
    this.reap()
  }
  /** The newest child of a role. */
  last(role: string): FakeChild {
    const child = this.children.findLast(({ argv }) => argv[1] === role)
    if (child === undefined) throw new Error(`no child of the role ${role}`)
    return child
  }
  alive(role: string): FakeChild[] {
    return this.children.filter((child) => child.alive && child.argv[1] === role)
  }

  #reader(fd: number): FakePipe {
    const pipe = this.#readers.get(fd)
    if (pipe === undefined) throw new Error(`descriptor ${fd} is no pipe`)
    return pipe
  }
  #pipe2(fds: Int32Array): number {
    const pipe = new FakePipe()
    const [read, write] = [openSync('/dev/null', 'r'), openSync('/dev/null', 'w')]
    this.#readers.set(read, pipe)
    this.#writers.set(write, pipe)
    fds.set([read, write])
    return 0
  }
  #spawn(argv: readonly string[], namespaces: number, fds: readonly number[]): number {
    if (this.spawnError !== 0) return this.spawnError
    const pipes = fds.map((fd) => this.#writers.get(fd))
    const child = new FakeChild(this, 1000 + this.children.length, argv, namespaces, pipes)
    this.children.push(child)
    this.onSpawn(child)
    return child.pid
  }
  #kill(pid: number, signal: string): number {
    this.signals.push(`${pid} ${signal}`)
    const child = this.children.find((one) => one.pid === pid)
    if (child?.alive === true) this.onSignal(child, signal)
    return 0
  }
}

/** What the unpacker was given, byte by byte. */
export class FakeSink extends Writable {
  readonly #fd: number
  bytes = 0
  constructor(fd: number) {
    super()
    this.#fd = fd
  }
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.bytes += chunk.length
    done()
  }
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    closeSync(this.#fd)
    done(error)
  }
}

/** Collects; an error that a test does not expect is seen by looking. */
export function fakeLog(): Log & { lines: string[] } {
  const lines: string[] = []
  const write =
    (level: string) =>
    (fields: Record<string, unknown>, message: string): void => {
      const error = fields['err'] instanceof Error ? `: ${fields['err'].message}` : ''
      lines.push(`${level} ${message}${error}`)
    }
  return { lines, info: write('info'), warn: write('warn'), error: write('error') }
}
