// Performs what an app's state machine decides: processes, signals and the one timer. Pids and timers live
// here; an event that comes from one of an earlier life never reaches the machine.
import type { AppStateName, Isolation, LastExit } from '../../protocol/api.ts'
import type { AppLog } from '../logs/app-log.ts'
import { startProcess, type AppProcess, type Image, type ProcessTools } from './app-process.ts'
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

export interface Runner {
  state(): AppStateName
  status(): RunnerStatus
  /** What the next start runs. */
  load(image: Image): void
  send(name: 'start' | 'stop' | 'abort'): void
  /** The process whose plan is done, or null. */
  running(): AppProcess | null
  /** Calls `listener` after every change of state, until the returned function is called. */
  onChange(listener: () => void): () => void
  /** Runs `work`; a bug in it ends this app and no other. */
  guard(work: () => void): void
}

/** An app that has failed for so long is no news: the node's log is in memory and must not grow by it. */
const LOGGED_FAILURES_MAX = 10

export function createRunner(
  tools: RunnerTools,
  name: string,
  log: AppLog,
  initial: State = { name: 'stopped' },
): Runner {
  let state = initial
  let image: Image | null = null
  let process: AppProcess | null = null
  let disarm: (() => void) | null = null
  let restarts = 0
  let lastExit: LastExit | null = null
  let error: string | null = null
  const queue: EventName[] = []
  let delivering = false
  const listeners = new Set<() => void>()

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
    disarm = null
    if (ms === null) return
    disarm = tools.clock.after(ms, () => {
      disarm = null
      guard(() => deliver('timeout'))
    })
  }

  const spawn = (): void => {
    if (process !== null) throw new Error('BUG: a second process of one app')
    try {
      if (image === null) throw new Error('BUG: a start without an image')
      const life = startProcess(
        tools,
        { name, image, log },
        {
          guard,
          started() {
            if (process !== life) return
            error = null
            deliver('started')
          },
          ended: (end) => {
            if (process === life) exited(end)
          },
        },
      )
      process = life
    } catch (cause) {
      error = `it could not be started: ${message(cause)}`
      tools.log.error({ err: cause, app: name }, 'no process could be started')
      deliver('exited')
    }
  }

  const exited = ({ end, failure, at }: PlanEnd & { at: string }): void => {
    process = null
    if (failure === null) lastExit = { ...end, at }
    else error = failure
    deliver('exited')
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

  return {
    state: () => state.name,
    status: () => ({
      state: state.name,
      isolation: process?.image.isolation ?? image?.isolation ?? null,
      pid: process?.pid() ?? null,
      startedAt: process?.startedAt ?? null,
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
    running: () => (state.name === 'running' ? process : null),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    guard,
  }
}

const message = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
