// For tests: a supervisor on a fake machine and a real, temporary disk.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { AppStatus, Progress } from '../../protocol/api.ts'
import { LOG_LIMITS } from '../logs/app-log.ts'
import { openState, type State } from '../state/state.ts'
import { FakeClock, fakeLog, FakeMachine, FakeSink, type FakeChild } from './fake-node.ts'
import type { Supervisor, SupervisorOptions } from './options.ts'
import type { Plans } from './plans.ts'
import { createReaper } from './reaper.ts'
import { createSupervisor, TRIAL_MS } from './supervisor.ts'

export const DIGEST = 'a'.repeat(64)
export const PACKED = 'b'.repeat(64)

const plans: Plans = {
  app: ({ root, isolation }) => ({
    namespaces: isolation === 'namespaces' ? 0x20000000 : 0,
    steps: [
      { op: 'enter-directory', root },
      ...(isolation === 'namespaces' ? [{ op: 'init' } as const] : []),
      { op: 'exec', argv: ['/app'] },
    ],
    env: [],
  }),
  refresh: ({ root, resolvConf }) => ({
    namespaces: 0,
    steps: [
      { op: 'enter-directory', root },
      { op: 'write', path: '/etc/resolv.conf', mode: 0o644, content: resolvConf },
      { op: 'exit' },
    ],
    env: [],
  }),
  words: (plan) => plan.steps.map((step) => JSON.stringify(step)),
  explain: (_, step, errno) => `step ${step} failed with ${errno}`,
}

export interface Pushed {
  body: PassThrough
  progress: Progress[]
  /** Settles with the push. */
  outcome: Promise<AppStatus | Error>
}

export class World {
  readonly dir = mkdtempSync(join(tmpdir(), 'supervisor-'))
  machine = new FakeMachine()
  clock = new FakeClock()
  log = fakeLog()
  supervisor: Supervisor
  state!: State
  readonly #confirmed = new Set<FakeChild>()
  #close: () => void = () => undefined

  constructor(options: Partial<SupervisorOptions> = {}) {
    mkdirSync(join(this.dir, 'proc/self'), { recursive: true })
    writeFileSync(join(this.dir, 'proc/self/mountinfo'), '')
    this.supervisor = this.boot(options)
  }

  /** The first life of a new boot on the same disk: no process of before is left, as after a power cut. */
  boot(options: Partial<SupervisorOptions> = {}): Supervisor {
    this.close()
    this.machine = new FakeMachine()
    this.clock = new FakeClock()
    return this.#live(options)
  }

  /** PID 1 dies and lives again: children, kept pipes and the life record stay. */
  die(options: Partial<SupervisorOptions> = {}): Supervisor {
    this.machine.die()
    this.close()
    this.clock = new FakeClock(this.clock.nowMs())
    return this.#live(options)
  }

  #live(options: Partial<SupervisorOptions>): Supervisor {
    this.log = fakeLog()
    const { machine, clock, log, dir } = this
    const { native, life } = machine
    const opened = openState(join(dir, 'lib/state.db'), clock.wallMs())
    this.state = opened.state
    this.#close = () => opened.state.close()
    const reaper = createReaper({ native, life, log, later: (next) => next() })
    machine.reap = reaper.reap
    this.supervisor = createSupervisor({
      native,
      life,
      reaper,
      opened,
      journal: machine.journal(),
      paths: {
        chroots: join(dir, 'chroots'),
        logs: join(dir, 'logs'),
        proc: join(dir, 'proc'),
        devNull: '/dev/null',
        cgroups: null,
      },
      clock,
      random: () => 0,
      limits: { unpacksMax: 1, trialMs: TRIAL_MS, logs: LOG_LIMITS },
      isolation: 'namespaces',
      log,
      plans,
      unpackArgs: [],
      openSink: (fd) => new FakeSink(fd),
      ...options,
    })
    return this.supervisor
  }

  /** PID 1 is gone. */
  close(): void {
    this.#close()
    this.#close = () => undefined
  }

  end(): void {
    this.close()
    rmSync(this.dir, { recursive: true, force: true })
  }

  push(name: string, packedSha256: string | null = null): Pushed {
    const body = new PassThrough()
    const progress: Progress[] = []
    const onProgress = (event: Progress): void => void progress.push(event)
    const outcome = this.supervisor
      .deploy({ name, body, packedSha256, onProgress })
      .catch((error: unknown) => error as Error)
    return { body, progress, outcome }
  }

  /** Lets promises and the disk go on until `what` gives something. Bounded. */
  async until<T>(what: () => T | undefined | null | false): Promise<T> {
    for (const endMs = Date.now() + 5000; Date.now() < endMs;) {
      const value = what()
      if (value !== undefined && value !== null && value !== false) return value
      await new Promise((resolve) => setImmediate(resolve))
    }
    throw new Error(`waited in vain: ${what.toString()}\n${this.log.lines.join('\n')}`)
  }

  async child(role: string): Promise<FakeChild> {
    return this.until(() => this.machine.alive(role).at(-1))
  }

  /** The unpacker does its work on the whole body. */
  async unpack({ body }: Pushed, manifest: object = {}): Promise<void> {
    const child = await this.child('unpack')
    writeFileSync(join(child.argv[2] ?? '', 'app'), 'x')
    body.end('image')
    await this.until(() => body.readableEnded)
    await new Promise((resolve) => setImmediate(resolve)) // The sink's finish.
    this.report(child, manifest)
  }

  /** The unpacker says that it is done, and ends. */
  report(child: FakeChild, manifest: object = {}): void {
    child.say(1, `${JSON.stringify({ event: 'progress', bytes: 5, entries: 1 })}\n`)
    const done = {
      event: 'done',
      digest: DIGEST,
      packedSha256: PACKED,
      bytes: 10,
      entries: 2,
      manifest: {
        name: null,
        version: '1',
        architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
        isolation: null,
        management: false,
        config: {
          Entrypoint: ['/app'],
          Cmd: [],
          Env: [],
          WorkingDir: '/',
          User: '0',
          StopSignal: 'SIGTERM',
        },
        ...manifest,
      },
    }
    child.say(1, `${JSON.stringify(done)}\n`)
    child.exit(0)
  }

  /** The plan of the next process that was spawned is done: it runs. */
  async started(): Promise<FakeChild> {
    const child = await this.until(() => this.starting().at(-1))
    this.#confirmed.add(child)
    child.say(3, 'R\n')
    return child
  }
  starting(): FakeChild[] {
    return this.machine.alive('spawn').filter((child) => !this.#confirmed.has(child))
  }

  /** A push from its beginning to its good end; the app's process. */
  async deployed(name: string): Promise<FakeChild> {
    const pushed = this.push(name)
    await this.unpack(pushed)
    const child = await this.started()
    await this.until(() => pushed.progress.some(({ event }) => event === 'started'))
    this.clock.advance(TRIAL_MS)
    const outcome = await pushed.outcome
    if (outcome instanceof Error) throw outcome
    return child
  }

  /** The numbers; throws when one of them is not described beside it, or what is described is not there. */
  generations(name: string): string[] {
    const path = join(this.dir, 'chroots/.generations', name)
    const names = existsSync(path) ? readdirSync(path).sort() : []
    const numbers = names.filter((entry) => /^\d+$/.test(entry))
    const expected = numbers.flatMap((number) => [number, `${number}.json`])
    if (names.join() !== expected.join()) throw new Error(`in ${path}: ${names.join(' ')}`)
    return numbers
  }
  staging(): string[] {
    return readdirSync(join(this.dir, 'chroots/.staging'))
  }
  link(name: string): string | null {
    const path = join(this.dir, 'chroots', name)
    return existsSync(path) ? readlinkSync(path) : null
  }
  /** Every name below /chroots, for "nothing has changed". */
  snapshot(): string[] {
    return readdirSync(join(this.dir, 'chroots'), { recursive: true, encoding: 'utf8' }).sort()
  }
}

/** Apps that end as soon as they are asked to. */
export function obedient(machine: FakeMachine): void {
  machine.onSignal = (child, signal) => {
    const status = signal === 'SIGKILL' ? 9 : 0
    queueMicrotask(() => {
      if (child.alive) child.exit(status)
    })
  }
}
