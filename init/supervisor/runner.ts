// Performs what an app's state machine decides: processes, signals and the one timer. Pids and timers live
// here; an event that comes from one of an earlier life never reaches the machine. Every change is noted in
// the life record before anybody can hear of it.
import type { AppStateName, Isolation, LastExit } from '../../protocol/api.ts'
import type { AppLog } from '../logs/app-log.ts'
import type { SavedLoss } from '../logs/log-output.ts'
import { noteText, timerMs, type AppNote } from './app-note.ts'
import {
  adoptProcess,
  openProcess,
  type AppProcess,
  type Image,
  type ProcessHandler,
  type ProcessTools,
} from './app-process.ts'
import { step, type Effect, type EventName, type State } from './app.ts'
import type { PlanEnd } from './plans.ts'

export interface RunnerTools extends ProcessTools {
  /** 0 <= random() < 1. */
  random: () => number
}

export interface RunnerStatus {
  state: AppStateName
  isolation: Isolation | null
  pid: number | null
  startedAt: string | null
  restarts: number
  lastExit: LastExit | null
  error: string | null
}

/** What the life before has left of an app. */
export interface Inheritance {
  place: number
  note: AppNote
  /** Of the process's generation. */
  root: string
}

export interface Runner {
  state(): AppStateName
  status(): RunnerStatus
  /** What the next start runs. */
  load(image: Image): void
  send(name: 'start' | 'stop' | 'abort'): void
  /** Goes on where the life before was, once; resolves when its process is gone, at once if it had none. */
  adopt(inheritance: Inheritance): Promise<void>
  /** The process whose plan is done, or null. */
  running(): AppProcess | null
  /** Notes what has changed in `running()`. */
  save(): void
  /** Its place in the life record is free as soon as it has no process. Nothing is sent to it any more. */
  release(): void
  /** Calls `listener` after every change of state, until the returned function is called. */
  onChange(listener: () => void): () => void
  /** Runs `work`; a bug in it ends this app and no other. */
  guard(work: () => void): void
}

/** An app that has failed for so long is no news: the node's log is in memory and must not grow by it. */
const LOGGED_FAILURES_MAX = 10
/** In these a process is there, or its end is still to be told. */
const WITH_PROCESS: readonly AppStateName[] = ['starting', 'running', 'stopping']

export function createRunner(
  tools: RunnerTools,
  name: string,
  log: AppLog,
  initial: State = { name: 'stopped' },
): Runner {
  let state = initial
  let image: Image | null = null
  /** In the life record; an app has none before its first start. */
  let place: number | null = null
  let process: AppProcess | null = null
  let disarm: (() => void) | null = null
  let deadlineMs: number | null = null
  let restarts = 0
  let lastExit: LastExit | null = null
  let error: string | null = null
  let loss: SavedLoss | null = null
  let released = false
  const queue: EventName[] = []
  let delivering = false
  const listeners = new Set<() => void>()

  const save = (): void => {
    if (place === null) return
    const note: AppNote = {
      ...{ kind: 'app', name, generation: image?.generation ?? null, state, deadlineMs },
      ...{ restarts, lastExit, error: error && noteText(error, 'error'), loss },
      process: process?.note ?? null,
    }
    tools.life.write(place, note)
  }

  /** Runs every event to its end before the next one begins, also those that an effect causes. */
  const deliver = (event: EventName): void => {
    queue.push(event)
    if (delivering) return
    delivering = true
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) handle(next)
    } finally {
      delivering = false
      queue.length = 0
    }
    for (const listener of [...listeners]) listener()
  }

  const handle = (event: EventName): void => {
    const before = state
    const moment = { name: event, nowMs: tools.clock.nowMs(), random: tools.random() }
    const [next, ...effects] = step(before, moment)
    state = next
    if (before.name === 'backing-off' && event === 'timeout') restarts++
    const failures = 'failures' in next ? next.failures : 0
    if (next.name !== before.name && failures <= LOGGED_FAILURES_MAX)
      tools.log.info(
        { app: name, from: before.name, to: next.name, event },
        `${name} is ${next.name}`,
      )
    for (const effect of effects) perform(effect)
    save()
  }

  const perform = (effect: Effect): void => {
    if (effect === 'spawn') spawn()
    else if (effect === 'disarm') arm(null)
    else if (typeof effect === 'object') arm(effect.armMs)
    else if (process !== null) end(process, effect)
    else deliver('exited') // Only after a bug: the machine believes in a process that is not there.
  }

  const end = (life: AppProcess, effect: 'terminate' | 'kill' | 'end-all'): void => {
    if (effect === 'terminate') life.terminate()
    else if (effect === 'kill') life.kill()
    else life.endAll()
  }

  const arm = (ms: number | null): void => {
    disarm?.()
    disarm = deadlineMs = null
    if (ms === null) return
    deadlineMs = tools.clock.nowMs() + ms
    disarm = tools.clock.after(ms, () => {
      disarm = deadlineMs = null
      guard(() => deliver('timeout'))
    })
  }

  const spawn = (): void => {
    if (process !== null) throw new Error('BUG: a second process of one app')
    try {
      if (image === null) throw new Error('BUG: a start without an image')
      const about = { name, place: place ?? claim(), log }
      begin((process = openProcess(tools, about, image, handler)))
    } catch (cause) {
      error = `it could not be started: ${message(cause)}`
      tools.log.error({ err: cause, app: name }, 'no process could be started')
      deliver('exited')
    }
  }

  const claim = (): number => {
    place = tools.reaper.claim()
    log.attach(homeAt(place))
    return place
  }
  const homeAt = (at: number): Parameters<AppLog['attach']>[0] => ({
    place: at,
    guard,
    saveLoss(next) {
      loss = next
      save()
    },
  })

  /** The note names its descriptors before it exists. */
  const begin = (life: AppProcess): void => {
    try {
      save()
      life.begin()
    } catch (cause) {
      process = null
      save()
      life.close()
      throw cause
    }
  }

  const handler: ProcessHandler = {
    guard: (work) => guard(work),
    changed: save,
    started() {
      // One that is adopted says so again.
      if (state.name === 'running') return
      error = null
      deliver('started')
    },
    ended(outcome) {
      if (process !== null) exited(process, outcome)
    },
  }

  const exited = (life: AppProcess, { end, failure, at }: PlanEnd & { at: string }): void => {
    process = null
    if (failure === null) lastExit = { ...end, at }
    else error = failure
    save()
    if (place !== null) tools.life.forget(place)
    life.close()
    deliver('exited')
    leave()
  }

  const leave = (): void => {
    if (!released || place === null || process !== null) return
    arm(null)
    tools.life.release(place)
    place = null
  }

  const guard = (work: () => void): void => {
    try {
      work()
    } catch (cause) {
      tools.log.error({ err: cause, app: name }, 'a bug ends this app')
      error = message(cause)
      // Every state takes an abort, so this ends, with the app, whatever the bug was.
      try {
        deliver('abort')
      } catch (second) {
        tools.log.error({ err: second, app: name }, 'a bug while ending this app')
      }
    }
  }

  const adopt = ({ place: at, note, root }: Inheritance): Promise<void> => {
    const gone = Promise.withResolvers<undefined>()
    place = at
    state = note.state
    restarts = note.restarts
    lastExit = note.lastExit
    error = note.error
    loss = note.loss
    log.adopt(homeAt(at), note.loss)
    arm(timerMs(note, tools.clock.nowMs()))
    if (note.process === null) {
      tools.life.forget(at)
      if (WITH_PROCESS.includes(state.name)) deliver('exited')
      gone.resolve(undefined)
      return gone.promise
    }
    const ended = (outcome: PlanEnd & { at: string }): void => {
      handler.ended(outcome)
      gone.resolve(undefined)
    }
    const about = { name, place: at, log }
    process = adoptProcess(tools, about, { note: note.process, root }, { ...handler, ended })
    return gone.promise
  }

  return {
    state: () => state.name,
    status: () => ({
      state: state.name,
      isolation: process?.note.isolation ?? image?.isolation ?? null,
      pid: process?.pid() ?? null,
      startedAt: process?.note.startedAt ?? null,
      restarts,
      lastExit,
      error,
    }),
    load(next) {
      image = next
    },
    send(event) {
      if (event === 'start') restarts = 0
      guard(() => deliver(event))
    },
    adopt,
    running: () => (state.name === 'running' ? process : null),
    save,
    release() {
      released = true
      leave()
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    guard,
  }
}

const message = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
