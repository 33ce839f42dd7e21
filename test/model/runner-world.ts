// The runners of a few apps on a machine of the model, driven by a sequence of events: what an operator asks for,
// what processes do, and deaths of PID 1.
import { closeUnowned, inherit, leftBehind } from '../../init/supervisor/inherit.ts'
import { readAppNote } from '../../init/supervisor/app-note.ts'
import { createReaper, type Reaper } from '../../init/supervisor/reaper.ts'
import { createRunner, type Runner } from '../../init/supervisor/runner.ts'
import type { Slot } from '../../init/supervisor/slot.ts'
import type { ModelChild } from './model-child.ts'
import { ModelMachine } from './machine.ts'
import { planDone } from './child-events.ts'
import { AppRules, checkRecord } from './runner-rules.ts'
import { modelAppLog, modelImage, modelLog, rootOf, runnerTools } from './runner-tools.ts'

export interface Faults {
  /** PID 1 does not look for what a process has left behind. */
  blind?: boolean
  /** The life record forgets the children. */
  forgetful?: boolean
  /** What the life before kept for nobody stays. */
  untidy?: boolean
}

export const APPS = 2
/** Within this, everything that is asked for is there: 10 s and SIGKILL, then a wait of 30 s. */
const SETTLED_MS_MAX = 60_000
const STEPS_MAX = 5000

export class ModelApp {
  readonly name: string
  readonly rules: AppRules
  runner: Runner | null = null
  /** The generation that the next life is to run; null: there is no such app. */
  disk: number | null = null
  loaded: number | null = null
  wanted = false
  removing = false

  constructor(machine: ModelMachine, index: number) {
    this.name = `app-${index}`
    this.rules = new AppRules(machine, this)
  }
  refuses({ root }: ModelChild): string | null {
    if (!this.wanted) return 'a spawn after a stop'
    const expected = this.loaded === null ? null : rootOf(this.name, this.loaded)
    return root === expected ? null : `a spawn in ${root}`
  }
}

export class RunnerWorld {
  readonly machine = new ModelMachine()
  readonly apps: ModelApp[]
  readonly #faults: Faults
  #random: () => number = () => 0
  #reaper!: Reaper
  #nextDeath: (() => void) | null = null
  /** PID 1 may have had no descriptor to hear a process with. */
  #deaf = false

  constructor(faults: Faults = {}) {
    this.#faults = faults
    const { machine } = this
    this.apps = Array.from({ length: APPS }, (_, index) => new ModelApp(machine, index))
    machine.onSpawn = (child) => this.#rules(child.name)?.spawned(child)
    machine.onSignal = (child) => this.#checkSignal(child)
    machine.onNote = (place, value) => {
      const note = readAppNote(value)
      if (note !== null) this.#rules(note.name)?.noted(place, note)
      if (value === null)
        for (const { rules } of this.apps) if (rules.seen?.place === place) rules.unnoted()
    }
    this.#begin()
  }

  /** What is wrong after it, or null. `settled`: whatever wakes PID 1 has woken it. */
  happens(
    act: () => void,
    { random, settled }: { random: () => number; settled: boolean },
  ): string | null {
    this.#random = random
    if (this.machine.descriptors.failing > 0) this.#deaf = true
    act()
    if (settled) this.machine.poll(random)
    return this.check()
  }

  /** The world behaves from now on: what is asked for comes to be, and then everything is removed. */
  ends(): string | null {
    if (this.machine.down) this.lives()
    this.machine.pidOne.dieAt(Infinity, false)
    this.#nextDeath = null
    const asked = this.#settle(({ wanted, runner }) =>
      wanted ? runner?.state() === 'running' : (runner?.state() ?? 'stopped') === 'stopped',
    )
    if (asked !== null) return asked
    for (const app of this.apps) this.remove(app)
    return this.#settle(({ runner }) => runner === null) ?? this.#nothingIsLeft()
  }

  send(app: ModelApp, name: 'start' | 'stop' | 'abort'): void {
    const { runner } = app
    if (runner === null || app.removing || this.machine.down) return
    // The supervisor waits until nothing is left before it tries a generation that the disk does not know.
    const early = runner.state() === 'stopping' && app.loaded !== app.disk
    if (name === 'start' && (app.loaded === null || early)) return
    app.wanted = name === 'start'
    if (name !== 'start') this.#dooms(app)
    if (name === 'start') app.rules.startSent()
    this.machine.act(() => runner.send(name))
  }
  load(app: ModelApp, generation: number): void {
    if (this.machine.down) return
    app.loaded = generation
    app.runner?.load(modelImage(app.name, generation))
  }
  /** What it runs is what the next life is to run. */
  commit(app: ModelApp): void {
    if (app.runner !== null && !app.removing && !this.machine.down) app.disk = app.loaded
  }
  /** The first push of an app. */
  open(app: ModelApp): void {
    app.runner ??= this.#open(app, 'unpacking')
  }
  remove(app: ModelApp): void {
    this.send(app, 'stop')
    app.removing = app.runner !== null
  }

  dies(salt: number): void {
    if (this.machine.down) return
    this.machine.goesDown()
    if (salt % 8 === 0) this.machine.losesOneEnd()
  }
  /** PID 1 dies at a call of this life, or of the next one. */
  diesSoon(salt: number): void {
    const arm = (): void => this.machine.pidOne.dieAt(1 + (salt % 60), (salt & 64) !== 0)
    if (this.machine.down) this.#nextDeath = arm
    else arm()
  }
  lives(): void {
    for (let tries = 0; this.machine.down && tries < 3; tries++) {
      this.machine.nextLife()
      this.#nextDeath?.()
      this.#nextDeath = null
      this.#begin()
    }
  }

  advance(ms: number): void {
    const { machine } = this
    const endMs = machine.clock.nowMs + ms
    machine.poll(this.#random)
    for (let steps = 0; !machine.down; steps++) {
      const timer = machine.clock.due(endMs)
      if (timer === null) break
      if (steps === STEPS_MAX) {
        machine.violated('timers without end')
        return
      }
      machine.act(timer.fire)
      machine.poll(this.#random)
      this.#release()
    }
    machine.clock.nowMs = Math.max(machine.clock.nowMs, endMs)
  }

  check(): string | null {
    const { machine } = this
    this.#release()
    if (!machine.down) {
      for (const { rules, runner } of this.apps)
        if (runner !== null) {
          rules.check(runner.state())
          rules.checkTimers()
        }
      checkRecord(machine)
    }
    return machine.violation
  }

  /** What a life does first (begin-life.ts). */
  #begin(): void {
    const { machine } = this
    for (const app of this.apps) {
      app.rules.lives()
      Object.assign(app, { runner: null, removing: false })
      Object.assign(app, { loaded: app.disk, wanted: app.disk !== null })
    }
    machine.act(() => {
      const { native } = machine
      const life = this.#faults.forgetful ? { ...machine.life, child: () => null } : machine.life
      this.#reaper = createReaper({ native, life, log: modelLog(machine), later: (next) => next() })
      const left = leftBehind(life)
      if (!this.#faults.untidy) closeUnowned(life, left)
      for (const app of this.apps) this.#adopt(app, left.apps.get(app.name))
      for (const place of left.others) void this.#reaper.end(place)
      machine.reap = this.#reaper.reap
      this.#reaper.reap()
    })
    // As libuv does it: what is late comes before what has arrived.
    for (let timer = machine.clock.due(machine.clock.nowMs); timer !== null;) {
      machine.act(timer.fire)
      timer = machine.down ? null : machine.clock.due(machine.clock.nowMs)
    }
    machine.poll(this.#random)
  }

  /** No death of PID 1, and nothing else that nobody has asked for, ends a process that runs. */
  #checkSignal({ name, role, said, doomed }: ModelChild): void {
    if (role === 'app' && said === 'started' && !doomed && !this.#deaf)
      this.machine.violated(`${name}: a signal to a process that runs well`)
  }
  #dooms({ name }: ModelApp): void {
    for (const child of this.machine.ofApp(name)) child.doomed = true
  }

  #adopt(app: ModelApp, mine: Parameters<typeof inherit>[1] | undefined): void {
    const { name, disk } = app
    if (disk === null && mine === undefined) return
    const runner = (app.runner = this.#open(app, 'stopped'))
    app.removing = disk === null
    if (disk !== null) runner.load(modelImage(name, disk))
    const send: Runner['send'] = (event) => {
      if (event === 'start') app.rules.startSent()
      else this.#dooms(app)
      runner.send(event)
    }
    const current = disk === null ? null : { number: disk }
    const slot = { runner: { ...runner, send }, current } as Slot
    if (mine === undefined) send('start')
    else void inherit(slot, mine, (generation) => rootOf(name, generation))
  }

  #open({ name, rules }: ModelApp, initial: 'unpacking' | 'stopped'): Runner {
    const { machine } = this
    const tools = runnerTools(machine, name, {
      ...{ reaper: this.#reaper, random: () => this.#random(), blind: this.#faults.blind ?? false },
      placeFails: () => rules.failedUnseen(),
    })
    return createRunner(tools, name, modelAppLog(machine), { name: initial })
  }

  /** What was to be removed and has stopped is forgotten. */
  #release(): void {
    for (const app of this.apps) {
      const { runner, removing } = app
      if (!removing || runner?.state() !== 'stopped' || this.machine.down) continue
      app.rules.check('stopped')
      Object.assign(app, { disk: null, loaded: null, removing: false, runner: null })
      this.machine.act(() => runner.release())
    }
  }

  #settle(done: (app: ModelApp) => boolean): string | null {
    const { machine } = this
    Object.assign(machine, { spawnsFailing: 0, claimsFailing: 0 })
    machine.descriptors.failing = 0
    const endMs = machine.clock.nowMs + SETTLED_MS_MAX
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      this.#behave()
      machine.poll(this.#random)
      const violation = this.check()
      if (violation !== null) return violation
      if (this.apps.every(done)) return null
      const timer = machine.clock.due(endMs)
      if (timer === null) break
      machine.act(timer.fire)
    }
    const states = this.apps.map(({ name, runner }) => `${name} ${runner?.state() ?? 'gone'}`)
    return `after ${SETTLED_MS_MAX} ms of a good world: ${states.join(', ')}`
  }

  #behave(): void {
    const { machine } = this
    for (const child of machine.children.values()) {
      machine.unstick(child)
      if (child.role === 'app') planDone(machine, child)
    }
  }

  #nothingIsLeft(): string | null {
    const { record, descriptors, clock, children } = this.machine
    const left = {
      ...{ notes: record.notes.size, children: children.size, kept: record.kept.size },
      ...{ descriptors: descriptors.open.size, watches: descriptors.watched.size },
      ...{ places: record.children.size, timers: clock.timers.length },
      owners: this.#reaper.children(),
    }
    const found = Object.entries(left).filter(([, count]) => count !== 0)
    return found.length === 0 ? null : `everything is removed, and left are ${found.join(' ')}`
  }

  #rules(name: string): AppRules | undefined {
    return this.apps.find((app) => app.name === name)?.rules
  }
  main(app: ModelApp): ModelChild | undefined {
    return this.machine.alive('app', app.name)[0]
  }
}
