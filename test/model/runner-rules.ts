// What must hold of an app whatever happens, seen from outside: by its processes, its notes and its timers.
import type { AppNote } from '../../init/supervisor/app-note.ts'
import { readAppNote } from '../../init/supervisor/app-note.ts'
import type { State } from '../../init/supervisor/app.ts'
import type { ModelMachine } from './machine.ts'
import type { ModelChild } from './model-child.ts'

/** From the issue: doubling from 100 ms to 30 s, of which jitter takes up to half; over after 10 s of running. */
const [WAIT_MS_MIN, WAIT_MS_MAX, STABLE_MS] = [100, 30_000, 10_000]

/** So much longer a life listens first to a process that it has adopted. */
const HEARD_MS = 1000

export interface Watched {
  name: string
  /** Why this child may not be started, or null. */
  refuses: (child: ModelChild) => string | null
}

interface Seen {
  place: number
  note: AppNote
}

export class AppRules {
  readonly #machine: ModelMachine
  readonly #app: Watched
  seen: Seen | null = null
  /** Exits since it last ran stably or was started; null: not known. */
  #failures: number | null = 0
  #runsSinceMs = 0
  #notBeforeMs = 0
  #fresh = false

  constructor(machine: ModelMachine, app: Watched) {
    this.#machine = machine
    this.#app = app
  }

  startSent(): void {
    this.#notBeforeMs = 0
    this.#fresh = true
  }
  /** A start that no note tells of was not heard. */
  lives(): void {
    const { state, deadlineMs } = this.seen?.note ?? {}
    this.#fresh = false
    this.#notBeforeMs = state?.name === 'backing-off' ? (deadlineMs ?? 0) : 0
  }
  /** It failed where no note could tell. */
  failedUnseen(): void {
    if (this.seen === null) this.#failures = null
  }

  spawned(child: ModelChild): void {
    const { name } = this.#app
    const refused = this.#app.refuses(child)
    if (refused !== null) this.#violated(refused)
    if (this.#machine.clock.nowMs < this.#notBeforeMs) this.#violated('a spawn before its time')
    for (const other of this.#machine.ofApp(name))
      if (other !== child && (other.role === 'app' || other.status === null))
        this.#violated(`a spawn beside the ${other.role} ${other.pid} of before`)
    if (this.seen?.note.process == null) this.#violated('a spawn without a note')
  }

  noted(place: number, note: AppNote): void {
    if (this.seen !== null && this.seen.place !== place) this.#violated('two notes of one app')
    const before = this.seen?.note.state.name
    this.seen = { place, note }
    if (before !== note.state.name) this.#entered(before, note.state, note.deadlineMs)
  }
  unnoted(): void {
    this.seen = null
    this.#failures = 0
  }

  /** After every event that PID 1 has survived. */
  check(state: State['name']): void {
    const { name } = this.#app
    const alive = this.#machine.alive('app', name)
    if (alive.length > 1) this.#violated(`${alive.length} processes of one app`)
    if (this.seen !== null && this.seen.note.state.name !== state)
      this.#violated(`${state}, but its note says ${this.seen.note.state.name}`)
    if (['starting', 'running', 'stopping'].includes(state) && !this.seen?.note.process)
      this.#violated(`${state} without a process`)
    if (state === 'stopped' || state === 'backing-off' || state === 'unpacking')
      for (const child of this.#machine.ofApp(name))
        if (child.role === 'app' || child.status === null)
          this.#violated(`${state}, and its ${child.role} ${child.pid} is there`)
  }

  #entered(before: State['name'] | undefined, state: State, deadlineMs: number | null): void {
    const { nowMs } = this.#machine.clock
    if (state.name === 'running') this.#runsSinceMs = nowMs
    const unseen = before === undefined && this.#failures === null
    if (state.name === 'starting' && !unseen && (this.#fresh || before !== 'backing-off'))
      this.#failures = 0
    if (state.name === 'starting') this.#fresh = false
    if (state.name === 'stopped') this.#notBeforeMs = 0
    if (state.name !== 'backing-off') return
    const stable = before === 'running' && nowMs - this.#runsSinceMs >= STABLE_MS
    const failures = stable ? 1 : this.#failures === null ? state.failures : this.#failures + 1
    this.#failures = failures
    const full = Math.min(WAIT_MS_MIN * 2 ** (failures - 1), WAIT_MS_MAX)
    const waitMs = (deadlineMs ?? Infinity) - nowMs
    if (waitMs < full / 2 || waitMs > full)
      this.#violated(`waits ${waitMs} ms after ${failures} exits in a row`)
    this.#notBeforeMs = nowMs + full / 2
    this.#fresh = false
  }

  /** One that its note tells of, and one that looks for what its process has left behind. */
  checkTimers(): void {
    const { name } = this.#app
    const timers = this.#machine.clock.timers.filter(({ owner }) => owner === name)
    const note = this.seen?.note
    const clears = note?.process?.endedAt ? 1 : 0
    if (timers.length > 1 + clears) this.#violated(`${timers.length} timers`)
    if (note === undefined) return
    const { deadlineMs } = note
    if (deadlineMs === null) {
      if (timers.length > clears) this.#violated('a timer that no note tells')
      return
    }
    if (timers.some(({ atMs }) => atMs >= deadlineMs && atMs <= deadlineMs + HEARD_MS)) return
    const late = deadlineMs < this.#machine.clock.nowMs
    if (!late || timers.length === 0) this.#violated('the timer of its note is not set')
  }

  #violated(what: string): void {
    this.#machine.violated(`${this.#app.name}: ${what}`)
  }
}

/** Of the whole machine, after every event that PID 1 has survived. */
export function checkRecord(machine: ModelMachine): void {
  const named = new Set<number>()
  for (const [place, text] of machine.record.notes) {
    const note = readAppNote(JSON.parse(text))
    const pid = machine.record.children.get(place)?.pid ?? -1
    if (note === null && !machine.children.has(pid)) machine.violated(`${text} without a child`)
    for (const fd of Object.values(note?.process?.fds ?? {})) named.add(fd)
  }
  const { open, kept } = machine.descriptors
  for (const fd of named)
    if (!open.has(fd) || !kept.has(fd)) machine.violated(`a note names descriptor ${fd}: not kept`)
  for (const fd of kept) if (!named.has(fd)) machine.violated(`descriptor ${fd} is kept for nobody`)
}
