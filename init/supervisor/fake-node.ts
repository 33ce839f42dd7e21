// For tests: a machine whose children do what the test says. It outlives a death of PID 1, as children, kept
// pipes and the life record do.
import { closeSync, openSync } from 'node:fs'
import { Writable } from 'node:stream'
import {
  emptyLogMemory,
  emptyRecord,
  fakeLogCalls,
  memoryLife,
  recordEnd,
  recordSpawn,
} from '../../sys/fake-life.ts'
import { fakeNative } from '../../sys/fake-native.ts'
import type { Life } from '../../sys/life.ts'
import type { Native } from '../../sys/native.ts'
import { signalName } from '../../sys/signals.ts'
import type { Journal } from '../logs/journal.ts'
import { FakePipe } from './fake-pipe.ts'
import type { Log } from './log.ts'
import { nativeJournal } from './native-journal.ts'

export { FakeClock } from './fake-clock.ts'

const ESRCH = -3
const MSG_PEEK = 2
/** No real descriptor. */
const NEWLINES = -2

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
  readonly record = emptyRecord()
  readonly #logs = emptyLogMemory()
  native: Native
  life: Life
  /** Whether `dieAtCall` was reached. */
  died = false
  readonly #readers = new Map<number, FakePipe>()
  readonly #writers = new Map<number, FakePipe>()

  constructor() {
    this.native = this.#connect()
    this.life = memoryLife(this.record)
  }

  /** PID 1 dies: nothing that it still does reaches the machine. The next life has its own `native` and `life`. */
  die(): void {
    const dead = (name: string) => (): never => {
      throw new Error(`${name} after the death`)
    }
    bury(this.native, dead, ['kill', 'unwatch'])
    bury(this.life, dead)
    this.reap = () => undefined
    for (const pipe of this.#readers.values()) pipe.ready = null
    this.record.numbers.set('lives', (this.record.numbers.get('lives') ?? 1) + 1)
    this.native = this.#connect()
    this.life = memoryLife(this.record)
  }

  /** The `count`-th call from now on is PID 1's death: it throws, as does everything after it. */
  dieAtCall(count: number): void {
    let left = count
    this.died = false
    const counted = (calls: object): void => {
      for (const [name, call] of Object.entries(calls) as [
        string,
        (...args: unknown[]) => unknown,
      ][])
        Reflect.set(calls, name, (...args: unknown[]): unknown => {
          if (--left <= 0) {
            this.died = true
            throw new Error(`death at ${name}`)
          }
          return call(...args)
        })
    }
    counted(this.native)
    counted(this.life)
  }

  /** What the loader does while it waits: reaps, and notes it. */
  loaderReaps(): void {
    for (const [pid, status] of this.zombies.splice(0)) recordEnd(this.record, pid, status)
  }

  journal(): Journal {
    const journal = nativeJournal(this.native)
    return {
      ...journal,
      takeNewline: (child, stream, wallMs, bytes) => {
        const pipe = new FakePipe()
        pipe.say(Buffer.from('\n'))
        this.#readers.set(NEWLINES, pipe)
        return journal.take(NEWLINES, child, stream, wallMs, bytes)
      },
    }
  }

  #connect(): Native {
    const read = (fd: number, bytes: Uint8Array): number => this.#reader(fd).read(bytes)
    return fakeNative({
      pipe2: (fds) => this.#pipe2(fds),
      socketpair: (fds) => this.#pipe2(fds),
      fcntl: () => 0,
      read,
      recv: (fd, bytes, flags) =>
        (flags & MSG_PEEK) === 0 ? read(fd, bytes) : this.#reader(fd).peek(bytes),
      ...fakeLogCalls(this.#logs, read),
      watch: (fd, ready) => {
        this.#reader(fd).watch(ready)
        return 0
      },
      unwatch: (fd) => {
        this.#reader(fd).ready = null
        return 0
      },
      spawn: (argv, _env, namespaces, fds, child) => this.#spawn(argv, namespaces, fds, child),
      reap: (ends) => {
        const reaped = this.zombies.splice(0, ends.length / 2)
        for (const [pid, status] of reaped) recordEnd(this.record, pid, status)
        ends.set(reaped.flat())
        return reaped.length
      },
      kill: (pid, signal) => this.#kill(pid, signal),
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
  #spawn(
    argv: readonly string[],
    namespaces: number,
    fds: readonly number[],
    place: number,
  ): number {
    if (this.spawnError !== 0) return this.spawnError
    const pipes = fds.map((fd) => this.#writers.get(fd))
    const child = new FakeChild(this, 1000 + this.children.length, argv, namespaces, pipes)
    this.children.push(child)
    recordSpawn(this.record, place, child.pid)
    this.onSpawn(child)
    return child.pid
  }
  #kill(pid: number, signal: number): number {
    const child = this.children.find((one) => one.pid === pid)
    if (signal === 0) {
      const there = child?.alive === true || this.zombies.some(([zombie]) => zombie === pid)
      return there ? 0 : ESRCH
    }
    this.signals.push(`${pid} ${signalName(signal)}`)
    if (child?.alive === true) this.onSignal(child, signalName(signal))
    return 0
  }
}

/** Replaces every call; the named ones do nothing. */
function bury(calls: object, dead: (name: string) => () => never, harmless: string[] = []): void {
  for (const name of Object.keys(calls))
    Reflect.set(calls, name, harmless.includes(name) ? () => 0 : dead(name))
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
