// A machine for models of PID 1: children, pipes and the life record in memory. It outlives PID 1, and says what
// the kernel would not forgive.
import { nativeJournal } from '../../init/supervisor/native-journal.ts'
import type { Journal } from '../../init/logs/journal.ts'
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
import { SysError } from '../../sys/sys-error.ts'
import { Descriptors, Pipe, useDescriptors } from './descriptors.ts'
import type { ModelChild } from './model-child.ts'
import { ModelClock } from './model-clock.ts'
import { PidOne } from './pid-one.ts'

const [EAGAIN, ESRCH, EMFILE, ENOSPC] = [-11, -3, -24, -28]
const MSG_PEEK = 2
const SIGKILL = 9
/** More wake-ups without a pause than anything here needs. */
const WAKES_MAX = 2000

export class ModelMachine {
  readonly record = emptyRecord()
  readonly children = new Map<number, ModelChild>()
  pidOne = new PidOne()
  clock = new ModelClock(this.pidOne)
  native!: Native
  life!: Life
  descriptors: Descriptors
  /** PID 1 is between two lives. */
  down = false
  /** The first thing that went wrong. */
  violation: string | null = null
  /** PID 1's handler of SIGCHLD. */
  reap: (() => void) | null = null
  onSpawn: (child: ModelChild) => void = () => undefined
  onDown: () => void = () => undefined
  /** It runs no more, though it may be a zombie. */
  onEnd: (child: ModelChild) => void = () => undefined
  /** A stray is born. */
  onFork: (child: ModelChild) => void = () => undefined
  /** PID 1 signals a child. */
  onSignal: (child: ModelChild) => void = () => undefined
  onNote: (place: number, note: unknown) => void = () => undefined
  /** The next so many calls fail. */
  spawnsFailing = 0
  claimsFailing = 0
  readonly #logs = emptyLogMemory()
  #zombies: ModelChild[] = []
  #sigchld = false
  #wakes = 0
  #nextPid = 1000

  constructor() {
    this.descriptors = new Descriptors(this.pidOne, this.record.kept, (what) => this.violated(what))
    useDescriptors(this.descriptors)
    this.#connect()
  }

  violated(what: string): void {
    this.violation ??= what
  }

  /** PID 1 does something. What it throws, nobody would catch. */
  act(work: () => void): void {
    if (this.down) return
    try {
      work()
    } catch (error) {
      if (!this.pidOne.dead) this.violated(`an exception of PID 1: ${String(error)}`)
    }
    if (this.pidOne.dead) this.goesDown()
  }

  goesDown(): void {
    this.pidOne.dead = true
    this.down = true
    this.#sigchld = false
    this.reap = null
    this.clock.timers = []
    this.descriptors.exec()
    this.onDown()
  }

  nextLife(): void {
    this.down = false
    this.record.numbers.set('lives', (this.record.numbers.get('lives') ?? 1) + 1)
    this.pidOne = new PidOne()
    const { nowMs } = this.clock
    this.clock = new ModelClock(this.pidOne)
    this.clock.nowMs = nowMs
    Object.assign(this.descriptors, { pidOne: this.pidOne, failing: 0 })
    this.#connect()
  }

  /** What the loader does while it waits. */
  loaderReaps(): void {
    for (const child of this.#takeZombies()) recordEnd(this.record, child.pid, child.status ?? 0)
  }
  /** A death in the instant between waitpid and the record. */
  losesOneEnd(): void {
    const child = this.#zombies.shift()
    if (child !== undefined) this.children.delete(child.pid)
  }

  /** The event loop, until nothing wakes it any more. */
  poll(random: () => number): void {
    while (this.wake(random));
  }
  /** One turn of the event loop: which of those that are ready comes first, chance decides. False: none is. */
  wake(random: () => number): boolean {
    if (this.down) return false
    const ready: (() => void)[] = []
    if (this.#sigchld && this.reap !== null) ready.push(this.#handleSigchld)
    for (const [fd, wake] of this.descriptors.watched)
      if (this.descriptors.open.get(fd)?.pipe?.readable() === true) ready.push(wake)
    const next = ready[Math.floor(random() * ready.length)]
    if (next === undefined) {
      this.#wakes = 0
      return false
    }
    if (++this.#wakes > WAKES_MAX) {
      this.violated('the event loop never comes to rest')
      return false
    }
    this.act(next)
    return true
  }
  readonly #handleSigchld = (): void => {
    this.#sigchld = false
    this.reap?.()
  }

  journal(): Journal {
    return nativeJournal(this.native)
  }

  alive(role: string, name: string): ModelChild[] {
    const all = [...this.children.values()]
    return all.filter((one) => one.role === role && one.name === name && one.status === null)
  }
  /** Zombies too: until they are reaped, their pids are theirs. */
  ofApp(name: string): ModelChild[] {
    return [...this.children.values()].filter((one) => one.name === name)
  }

  say(child: ModelChild, fd: number, text: string): void {
    child.pipes[fd]?.waiting.push(Buffer.from(text))
  }
  closes(child: ModelChild, fd: number): void {
    const pipe = child.pipes[fd]
    if (!pipe) return
    pipe.writers--
    child.pipes[fd] = null
  }
  ends(child: ModelChild, status: number): void {
    if (child.status !== null) throw new Error('BUG: a child that ends twice')
    child.status = status
    for (const fd of child.pipes.keys()) this.closes(child, fd)
    this.#zombies.push(child)
    this.#sigchld = true
    this.onEnd(child)
  }
  /** A process beside the main one, with its root and its output. */
  forks(child: ModelChild, stuck: boolean): void {
    const pipes = child.pipes.map((pipe, fd) => (fd === 1 || fd === 2 ? pipe : null))
    for (const pipe of pipes) if (pipe) pipe.writers++
    this.onFork(this.#add({ ...child, role: 'stray', pipes, stuck, pending: null, status: null }))
  }
  signal(child: ModelChild, signal: number): void {
    if (child.status !== null || (signal !== SIGKILL && child.ignoresTerm)) return
    if (child.stuck) child.pending = signal
    else this.ends(child, signal)
  }
  /** It is out of the kernel: what waited has its effect. */
  unstick(child: ModelChild): void {
    child.stuck = false
    if (child.pending !== null && child.status === null) this.ends(child, child.pending)
  }

  #add(about: Omit<ModelChild, 'pid'>): ModelChild {
    const child = { ...about, pid: this.#nextPid++ }
    this.children.set(child.pid, child)
    return child
  }
  #takeZombies(count = Infinity): ModelChild[] {
    const taken = this.#zombies.splice(0, Math.min(count, this.#zombies.length))
    for (const { pid } of taken) this.children.delete(pid)
    return taken
  }

  #spawn(argv: readonly string[], fds: readonly number[], place: number): number {
    if (this.spawnsFailing > 0) {
      this.spawnsFailing--
      return EAGAIN
    }
    const unpacks = argv[1] === 'unpack'
    const [role = '', name = '', root = '', isolation] = unpacks
      ? ['unpack', '', argv[2] ?? '']
      : argv.slice(2)
    const pipes = fds.map((fd, at) =>
      at === 0 || (role === 'refresh' && at < 3) ? null : this.descriptors.pipe(fd, true),
    )
    for (const pipe of pipes) if (pipe) pipe.writers++
    const child = this.#add({
      ...{ role, name, root, hasInit: isolation === 'namespaces', pipes, said: 'nothing' },
      ...{ ignoresTerm: false, stuck: false, pending: null, doomed: false, status: null },
    })
    recordSpawn(this.record, place, child.pid)
    this.onSpawn(child)
    return child.pid
  }
  #kill(pid: number, signal: number): number {
    const child = this.children.get(pid)
    if (signal === 0) return child === undefined ? ESRCH : 0
    if (child === undefined) {
      this.violated(`signal ${signal} to ${pid}, which is somebody else's number by now`)
      return ESRCH
    }
    this.onSignal(child)
    this.signal(child, signal)
    return 0
  }
  #pair(fds: Int32Array): number {
    if (this.descriptors.fails()) return EMFILE
    const pipe = new Pipe()
    fds.set([this.descriptors.add(pipe, false), this.descriptors.add(pipe, true)])
    return 0
  }
  #read(fd: number, bytes: Uint8Array, takes: boolean): number {
    const pipe = this.descriptors.pipe(fd, false)
    const first = pipe.waiting[0]
    if (first === undefined) return pipe.writers === 0 ? 0 : EAGAIN
    const count = Math.min(first.length, bytes.length)
    bytes.set(first.subarray(0, count))
    if (!takes) return count // As Linux before 4.4: what was written first.
    if (count < first.length) pipe.waiting[0] = first.subarray(count)
    else pipe.waiting.shift()
    return count
  }

  #connect(): void {
    const { descriptors, record, pidOne } = this
    const read = (fd: number, bytes: Uint8Array): number => this.#read(fd, bytes, true)
    const calls: Partial<Native> = {
      pipe2: (fds) => this.#pair(fds),
      socketpair: (fds) => this.#pair(fds),
      fcntl: () => 0,
      read,
      recv: (fd, bytes, flags) => this.#read(fd, bytes, (flags & MSG_PEEK) === 0),
      ...fakeLogCalls(this.#logs, read),
      watch: (fd, ready) => {
        if (descriptors.fails()) return ENOSPC
        descriptors.pipe(fd, false)
        descriptors.watched.set(fd, ready)
        return 0
      },
      unwatch: (fd) => {
        descriptors.watched.delete(fd)
        return 0
      },
      spawn: (argv, _env, _namespaces, fds, place) => this.#spawn(argv, fds, place),
      reap: (ends) => {
        const reaped = this.#takeZombies(ends.length / 2)
        for (const [at, { pid, status }] of reaped.entries()) {
          recordEnd(record, pid, status ?? 0)
          ends.set([pid, status ?? 0], 2 * at)
        }
        return reaped.length
      },
      kill: (pid, signal) => this.#kill(pid, signal),
    }
    this.native = fakeNative(pidOne.gate(calls))
    const life = memoryLife(record)
    this.life = pidOne.gate({
      ...life,
      claim: () => {
        if (this.claimsFailing === 0) return life.claim()
        this.claimsFailing--
        throw new SysError('claim a place', 'the life record', ENOSPC)
      },
      write: (place: number, note: unknown) => {
        life.write(place, note)
        this.onNote(place, note)
      },
      release: (place: number) => {
        life.release(place)
        this.onNote(place, null)
      },
    })
  }
}
