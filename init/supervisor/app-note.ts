// What one life of PID 1 leaves the next of an app (sys/life.ts): its state, and how to go on with its process.
import type { Isolation, LastExit } from '../../protocol/api.ts'
import type { SavedLoss } from '../logs/log-output.ts'
import type { State } from './app.ts'

export interface AppNote {
  kind: 'app'
  name: string
  /** What the next start runs; null when nothing is loaded. */
  generation: number | null
  state: State
  /** CLOCK_MONOTONIC at which the app's one timer fires; null: it is not armed. */
  deadlineMs: number | null
  restarts: number
  lastExit: LastExit | null
  error: string | null
  /** Lines that a full disk has cost, and that its log does not mention yet. */
  loss: SavedLoss | null
  process: ProcessNote | null
}

/**
 * Written before the process exists, and kept until its output is in the log, nothing of it is left and its
 * end is noted: a number in `fds` is closed only after the note no longer has it.
 */
export interface ProcessNote {
  generation: number
  isolation: Isolation
  startedAt: string
  /** When its main process had ended; what it has left behind is being cleared. */
  endedAt: string | null
  stopSignal: number
  /** What its /etc/resolv.conf says, as a digest. */
  resolvConf: string
  hasInit: boolean
  /** Why its plan failed. */
  failure: string | null
  /** Our ends: its log pipes, and the socket of its report. */
  fds: { stdout: number; stderr: number; report: number }
}

/** A note is less than a page, and JSON writes a control character with six. */
const TEXT_CHARS_MAX = { error: 500, failure: 300 } as const

export const noteText = (text: string, which: keyof typeof TEXT_CHARS_MAX): string =>
  text
    .replace(/\p{Cc}/gu, ' ')
    .slice(0, TEXT_CHARS_MAX[which])
    .toWellFormed()

/** An event loop fires timers before it reads: what was said between two lives must be heard first. */
const HEARD_MS_MIN = 1000

/** How long the timer has still to go in the next life; null: it is not armed. */
export function timerMs({ deadlineMs, process }: AppNote, nowMs: number): number | null {
  if (deadlineMs === null) return null
  return Math.max(process === null ? 0 : HEARD_MS_MIN, deadlineMs - nowMs)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

const STATES: readonly State['name'][] = [
  'unpacking',
  'starting',
  'running',
  'backing-off',
  'stopping',
  'stopped',
]

/**
 * null when it is no app's, or when a version of PID 1 has written it that this one does not understand:
 * then nothing can be adopted, and what runs there must end.
 */
export function readAppNote(note: unknown): AppNote | null {
  if (!isRecord(note) || note['kind'] !== 'app' || typeof note['name'] !== 'string') return null
  const { state, process } = note
  if (!isRecord(state) || !STATES.includes(state['name'] as State['name'])) return null
  if (process !== null) {
    if (!isRecord(process) || !isRecord(process['fds'])) return null
    const { stdout, stderr, report } = process['fds']
    if (![process['generation'], stdout, stderr, report].every(Number.isInteger)) return null
  }
  return note as unknown as AppNote
}
