// A whole supervisor on a machine of the model and a real directory, driven by a sequence of events: what an
// operator asks for, what processes and unpackers do, deaths of PID 1 and power cuts.
import { tmpdir } from 'node:os'
import { LOG_LIMITS } from '../../init/logs/app-log.ts'
import { readAppNote } from '../../init/supervisor/app-note.ts'
import type { Supervisor } from '../../init/supervisor/options.ts'
import { createReaper, type Reaper } from '../../init/supervisor/reaper.ts'
import { createSupervisor, STOP_ALL_MS_MAX, TRIAL_MS } from '../../init/supervisor/supervisor.ts'
import { NULL_PATH } from './descriptors.ts'
import { ModelMachine } from './machine.ts'
import { ModelApp } from './model-app.ts'
import { ModelSink } from './model-sink.ts'
import { modelPlans, type ModelChild } from './model-child.ts'
import { closeDisk } from './model-disk.ts'
import { ModelState } from './model-state.ts'
import type { Operation } from './operations.ts'
import { AppRules, checkRecord } from './runner-rules.ts'
import { modelLog } from './runner-tools.ts'

const fs = process.getBuiltinModule('node:fs')

/** What PID 1 is made to lack, so that the model is seen to fail. */
export interface Faults {
  /** The next life finds no notes. */
  forgetful?: boolean
  /** What is said to be on disk is not. */
  lossy?: boolean
}

export const APPS = 2
const DISK = fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const TURNS_MAX = 5000

export class SupervisorWorld {
  machine = new ModelMachine()
  readonly dir = fs.mkdtempSync(`${DISK}/model-`)
  readonly state = new ModelState()
  readonly apps: ModelApp[]
  supervisor!: Supervisor
  random: () => number = () => 0
  versions = 0
  readonly #faults: Faults
  #reaper!: Reaper
  #nextDeath: (() => void) | null = null
  #life = 0
  #stoppingSinceMs: number | null = null
  #off = false

  constructor(faults: Faults = {}) {
    this.#faults = faults
    fs.mkdirSync(`${this.dir}/proc/self`, { recursive: true })
    fs.writeFileSync(`${this.dir}/proc/self/mountinfo`, '')
    this.apps = Array.from({ length: APPS }, (_, index) => new ModelApp(this, index))
    this.#connect()
    this.#begin()
  }

  refuses(app: ModelApp, { root }: ModelChild): string | null {
    const { operations } = app
    if (this.#stoppingSinceMs !== null) return 'a spawn at the shutdown'
    if (operations.removes()) return 'a spawn while it is removed'
    const version = this.versionIn(root)
    if (version === null) return `a spawn in ${root}, which is not whole`
    return operations.running().includes(version) ? null : `a spawn of ${version}`
  }

  /** What was unpacked there, or null. */
  versionIn(root: string): string | null {
    const path = `${root}/version`
    return fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : null
  }

  /** What is asked of a PID 1 that is there. */
  asks(app: ModelApp, operation: Operation, ask: () => Promise<unknown>): void {
    if (this.machine.down) return
    const life = this.#life
    const alive = (): boolean => life === this.#life && !this.machine.pidOne.dead
    this.machine.act(() => {
      const outcome = ask()
      app.operations.begins(operation, outcome, alive)
    })
  }
  shutsDown(): void {
    if (this.machine.down || this.#stoppingSinceMs !== null) return
    const life = this.#life
    this.#stoppingSinceMs = this.machine.clock.nowMs
    this.machine.act(() => {
      this.supervisor.stopAll().then(
        () => {
          if (life === this.#life && !this.machine.pidOne.dead) this.#off = true
        },
        (error: unknown) => {
          // A life that dies of its shutdown is ended by native code.
          if (life === this.#life && !this.machine.pidOne.dead)
            this.machine.violated(`the shutdown: ${String(error)}`)
        },
      )
    })
  }

  dies(salt: number): void {
    if (this.machine.down) return
    this.machine.goesDown()
    if (salt % 8 === 0) this.machine.losesOneEnd()
  }
  diesSoon(salt: number): void {
    const arm = (): void => this.machine.pidOne.dieAt(1 + ((salt >>> 8) % 120), (salt & 4) !== 0)
    if (this.machine.down) this.#nextDeath = arm
    else arm()
  }
  async lives(): Promise<void> {
    for (let tries = 0; this.machine.down && tries < 3; tries++) {
      this.machine.nextLife()
      this.#nextDeath?.()
      this.#nextDeath = null
      this.#begin()
      await this.settle()
    }
  }
  /** The power comes back: no process is left, and PID 1's first life begins on the same disk. */
  boots(): void {
    if (!this.machine.down) this.machine.goesDown()
    const { violation, clock } = this.machine
    for (const child of this.machine.children.values()) this.#leaves(child)
    this.machine = new ModelMachine()
    this.machine.violation = violation
    this.machine.clock.nowMs = clock.nowMs
    for (const app of this.apps) app.rules = new AppRules(this.machine, app)
    this.#nextDeath = null
    this.#connect()
    this.#begin()
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.machine.clock.nowMs + ms
    while (await this.turn(endMs));
    const { clock } = this.machine
    clock.nowMs = Math.max(clock.nowMs, endMs)
  }
  /** Lets the next timer fire that is due by then; false: there is none. */
  async turn(endMs: number): Promise<boolean> {
    const { machine } = this
    const timer = machine.down ? null : machine.clock.due(endMs)
    if (timer === null) return false
    machine.act(timer.fire)
    await this.settle()
    return machine.violation === null
  }

  /** Everything that follows from what has happened, without time. */
  async settle(): Promise<void> {
    for (let turns = 0; ; turns++) {
      await new Promise((resolve) => setImmediate(resolve))
      const { machine } = this
      if (machine.pidOne.dead && !machine.down) machine.goesDown()
      if (turns > TURNS_MAX) machine.violated('it never comes to rest')
      if (machine.violation !== null || !machine.wake(this.random)) break
    }
    if (this.#off) this.boots()
  }

  check(): string | null {
    const { machine } = this
    if (machine.pidOne.dead && !machine.down) machine.goesDown()
    if (!machine.down) {
      for (const app of this.apps) this.#checkApp(app)
      checkRecord(machine)
      const sinceMs = this.#stoppingSinceMs ?? Infinity
      if (machine.clock.nowMs - sinceMs > STOP_ALL_MS_MAX) machine.violated('a shutdown that stays')
    }
    return machine.violation
  }

  /** After everything was removed: what should not be there. */
  left(): string | null {
    const { record, descriptors, clock, children, down } = this.machine
    if (down) return 'PID 1 is down'
    const { chroots, logs } = this.#paths()
    const files = [...fs.readdirSync(chroots, { recursive: true }), ...fs.readdirSync(logs)]
      .map(String)
      .filter((path) => path !== '.staging' && path !== '.generations')
    const left = {
      ...{ notes: record.notes.size, places: record.children.size, kept: record.kept.size },
      ...{ children: children.size, owners: this.#reaper.children(), timers: clock.timers.length },
      ...{ watches: descriptors.watched.size, apps: this.supervisor.list().length },
      files: files.length,
    }
    const found = Object.entries(left).filter(([, count]) => count !== 0)
    if (found.length === 0) return null
    return `everything is removed, and left are ${found.join(' ')} ${files.join(' ')}`
  }

  main(app: ModelApp): ModelChild | undefined {
    return this.machine.alive('app', app.name)[0]
  }
  unpacker(app: ModelApp): ModelChild | undefined {
    const all = this.machine.alive('unpack', '')
    return all.find(({ root }) => root.includes(`/${app.name}-`))
  }
  close(): void {
    if (!this.machine.down) this.machine.goesDown()
    fs.rmSync(this.dir, { recursive: true, force: true })
  }

  #paths(): { chroots: string; logs: string; proc: string; devNull: string; cgroups: null } {
    const { dir } = this
    const at = { chroots: `${dir}/chroots`, logs: `${dir}/logs`, proc: `${dir}/proc` }
    return { ...at, devNull: NULL_PATH, cgroups: null }
  }

  #checkApp(app: ModelApp): void {
    const { name, rules, operations } = app
    const status = this.supervisor.list().find((one) => one.name === name)
    operations.check()
    rules.check(status?.state ?? 'stopped')
    const known = this.state.versions(name)?.current ?? null
    if ((status?.version ?? null) !== known && operations.pending.size === 0)
      this.machine.violated(`${name} is shown as ${status?.version}, and is ${known}`)
    const process = this.main(app)
    if (status?.state !== 'running' || process === undefined || operations.pending.size > 0) return
    if (this.versionIn(process.root) !== known)
      this.machine.violated(`${name} runs ${process.root}, which is not ${known}`)
  }

  #connect(): void {
    const { machine } = this
    machine.onDown = () => {
      this.#life++
      closeDisk(fs)
      for (const { operations, body } of this.apps) {
        operations.dies()
        body?.removeAllListeners()
      }
    }
    machine.onSpawn = (child) => {
      this.#enters(child)
      this.#app(child.name)?.rules.spawned(child)
    }
    machine.onFork = (child) => this.#enters(child)
    machine.onEnd = (child) => this.#leaves(child)
    machine.onNote = (place, value) => {
      const note = readAppNote(value)
      if (note !== null) this.#app(note.name)?.rules.noted(place, note)
      if (value === null)
        for (const { rules } of this.apps) if (rules.seen?.place === place) rules.unnoted()
    }
  }

  #begin(): void {
    const { machine } = this
    const { native, pidOne } = machine
    const { forgetful = false, lossy = false } = this.#faults
    this.#off = false
    this.#stoppingSinceMs = null
    for (const { rules } of this.apps) rules.lives()
    machine.act(() => {
      const log = modelLog(machine)
      const life = forgetful ? { ...machine.life, notes: () => [] } : machine.life
      const state = this.state.connect()
      if (lossy) state.putApp = () => undefined
      const reaper = createReaper({ native, life, log, later: (next) => next() })
      this.#reaper = reaper
      this.supervisor = createSupervisor({
        ...{ native, life, reaper, log, plans: modelPlans, paths: this.#paths() },
        opened: { state: pidOne.gate(state), created: false, problems: [] },
        clock: machine.clock.of('supervisor'),
        random: () => this.random(),
        limits: { unpacksMax: 1, trialMs: TRIAL_MS, logs: LOG_LIMITS },
        isolation: 'namespaces',
        unpackArgs: [],
        openSink: (fd) => new ModelSink(fd),
      })
      machine.reap = reaper.reap
      this.supervisor.start()
    })
  }

  /** /proc shows whose root a process has. */
  #enters({ pid, root, hasInit, role }: ModelChild): void {
    if (hasInit || role === 'unpack') return
    fs.mkdirSync(`${this.dir}/proc/${pid}`)
    fs.symlinkSync(root, `${this.dir}/proc/${pid}/root`)
  }
  #leaves({ pid }: ModelChild): void {
    fs.rmSync(`${this.dir}/proc/${pid}`, { recursive: true, force: true })
  }
  #app(name: string): ModelApp | undefined {
    return this.apps.find((app) => app.name === name)
  }
}
