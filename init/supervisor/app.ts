// What one supervised app does next. Pure: no clock, no pid, no random number of its own, no I/O.
// The runner performs the effects and drops stale pids and timers, so that an event which cannot
// happen in a state is a bug and says so.

export type State =
  /** Its first image is being unpacked; there has never been a process. */
  | { name: 'unpacking' }
  /** A process exists; its plan is still being run. `failures`: exits since it last ran stably. */
  | { name: 'starting'; failures: number }
  | { name: 'running'; sinceMs: number; failures: number }
  | { name: 'backing-off'; failures: number }
  | { name: 'stopping'; phase: StopPhase; restart: boolean }
  | { name: 'stopped' }

/** `asking-later`: asked to stop before its plan was done; a signal sent now could be lost or ignored. */
export type StopPhase = 'asking-later' | 'asked' | 'killed'

/**
 * `abort` is a stop without a grace period. `exited` means that no process of the app is left,
 * not only that the main one has ended. `timeout` is the one timer an app has.
 */
export type EventName = 'start' | 'stop' | 'abort' | 'started' | 'exited' | 'timeout'
export interface Event {
  name: EventName
  /** Monotonic. */
  nowMs: number
  /** 0 <= random < 1, for the jitter. */
  random: number
}

/** `terminate`: the app's stop signal; `kill`: SIGKILL; `end-all`: whatever else ends its processes. */
export type Effect = 'spawn' | 'terminate' | 'kill' | 'end-all' | 'disarm' | { armMs: number }
export type Step = [State, ...Effect[]]

type Cell<S> = (state: Extract<State, { name: S }>, event: Event) => Step
type Table = { [S in State['name']]: { [E in EventName]: Cell<S> } }

/** How long a plan (mounts, user, exec) may take. */
export const START_MS_MAX = 30_000
/** The grace period between the stop signal and SIGKILL. */
export const STOP_MS_MAX = 10_000
/** After SIGKILL: how often the last resort is tried. It is never given up: the app is still there. */
export const KILL_MS_MAX = 2_000
export const STABLE_MS_MIN = 10_000
export const BACKOFF_MS_MIN = 100
export const BACKOFF_MS_MAX = 30_000

/**
 * The wait before the restart that follows the `failures`-th exit in a row: doubling from 100 ms to
 * 30 s, of which jitter takes up to half, so that apps that fell together do not return together.
 */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(BACKOFF_MS_MIN * 2 ** (failures - 1), BACKOFF_MS_MAX)
  return Math.round(full - (full / 2) * random)
}

const stay = (state: State): Step => [state]
const impossible = (state: State, event: Event): never => {
  throw new Error(`BUG: ${event.name} in ${state.name}`)
}
const launch = (failures: number): Step => [
  { name: 'starting', failures },
  { armMs: START_MS_MAX }, // First: what is noted before the process exists has its deadline.
  'spawn',
]
const retry = (failures: number, random: number): Step => [
  { name: 'backing-off', failures },
  { armMs: backoffMs(failures, random) },
]
const stopped = (): Step => [{ name: 'stopped' }, 'disarm']
const kill = (restart: boolean): Step => [
  { name: 'stopping', phase: 'killed', restart },
  'kill',
  { armMs: KILL_MS_MAX },
]

// Every state answers every event: a missing cell does not compile.
const table: Table = {
  unpacking: {
    start: () => launch(0),
    stop: stopped,
    abort: stopped,
    started: impossible,
    exited: impossible,
    timeout: impossible,
  },
  starting: {
    start: stay,
    stop: () => [
      { name: 'stopping', phase: 'asking-later', restart: false },
      { armMs: STOP_MS_MAX },
    ],
    abort: () => kill(false),
    started: (app, { nowMs }) => [
      { name: 'running', sinceMs: nowMs, failures: app.failures },
      'disarm',
    ],
    exited: (app, { random }) => retry(app.failures + 1, random),
    // A plan that hangs is ended; the exit then backs off like any other.
    timeout: (app) => [app, 'kill', { armMs: KILL_MS_MAX }],
  },
  running: {
    start: stay,
    stop: () => [
      { name: 'stopping', phase: 'asked', restart: false },
      'terminate',
      { armMs: STOP_MS_MAX },
    ],
    abort: () => kill(false),
    started: impossible,
    exited: (app, { nowMs, random }) =>
      retry(nowMs - app.sinceMs >= STABLE_MS_MIN ? 1 : app.failures + 1, random),
    timeout: impossible,
  },
  'backing-off': {
    start: () => launch(0),
    stop: stopped,
    abort: stopped,
    started: impossible,
    exited: impossible,
    timeout: (app) => launch(app.failures),
  },
  stopping: {
    start: (app) => [{ ...app, restart: true }],
    stop: (app) => [{ ...app, restart: false }],
    abort: (app) => (app.phase === 'killed' ? [{ ...app, restart: false }] : kill(false)),
    started: (app) =>
      app.phase === 'asking-later' ? [{ ...app, phase: 'asked' }, 'terminate'] : [app],
    exited: (app) => (app.restart ? launch(0) : stopped()),
    timeout: (app) =>
      app.phase === 'killed' ? [app, 'end-all', { armMs: KILL_MS_MAX }] : kill(app.restart),
  },
  stopped: {
    start: () => launch(0),
    stop: stay,
    abort: stay,
    started: impossible,
    exited: impossible,
    timeout: impossible,
  },
}

export const step = (state: State, event: Event): Step =>
  (table[state.name][event.name] as Cell<State['name']>)(state, event)
