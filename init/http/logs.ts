// GET /v1/apps/{name}/logs?tail=N&follow: an app's last lines, and new ones as they come.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LogEvent, LogLine } from '../../protocol/api.ts'
import { AppError, type Apps } from '../supervisor/apps.ts'
import { EventQueue } from './event-queue.ts'
import type { Reply } from './reply.ts'
import type { RouteContext } from './routes.ts'

const TAIL_LINES_DEFAULT = 100
const TAIL_LINES_MAX = 100_000
/** What waits for one slow follower, in characters; beyond it lines are dropped and counted. */
export const FOLLOW_CHARS_MAX = 256 * 1024
/** A long tail must not keep the event loop for itself: to the watchdog that is a hang. */
const LINES_A_TURN = 500
/** A line's share of the bound beside its text. */
const LINE_COST = 64

export function getLogs({ apps, name, query, followers }: RouteContext): Reply {
  const count = tailCount(query.get('tail'))
  const follow = flag(query, 'follow')
  apps.get(name)
  // In one turn of the event loop, so no line is missed or doubled between the two.
  const tail = apps.tail(name, count)
  if (!follow) return { status: 200, lines: each(tail), cancel: () => undefined }
  const { queue, stop } = followLog(apps, name)
  const leave = followers.add(name, () => queue.end())
  const cancel = (): void => {
    leave()
    stop()
    queue.clear()
  }
  return { status: 200, lines: each(tail, queue, cancel), cancel }
}

function followLog(apps: Apps, name: string): { queue: EventQueue<LogEvent>; stop: () => void } {
  const queue = new EventQueue<LogEvent>((event) =>
    'line' in event ? event.line.length + LINE_COST : LINE_COST,
  )
  const stop = apps.follow(name, (line) => enqueue(queue, line))
  return { queue, stop }
}

/** Keeps PID 1's memory bounded when a follower reads more slowly than the app writes. */
function enqueue(queue: EventQueue<LogEvent>, line: LogLine): void {
  const { last } = queue
  if (queue.cost < FOLLOW_CHARS_MAX) queue.push(line)
  else if (last !== undefined && 'droppedLines' in last) {
    queue.replaceLast({ at: last.at, droppedLines: last.droppedLines + 1 })
  } else queue.push({ at: line.at, droppedLines: 1 })
}

async function* each(
  tail: LogLine[],
  queue?: EventQueue<LogEvent>,
  done?: () => void,
): AsyncGenerator<LogEvent> {
  try {
    for (let at = 0; at < tail.length; at += LINES_A_TURN) {
      yield* tail.slice(at, at + LINES_A_TURN)
      await nextTurn()
    }
    if (queue !== undefined) yield* queue
  } finally {
    done?.()
  }
}

function tailCount(word: string | null): number {
  if (word === null) return TAIL_LINES_DEFAULT
  if (word === 'all') return TAIL_LINES_MAX
  const count = /^\d{1,9}$/.test(word) ? Number(word) : -1
  if (count < 0) {
    throw new AppError('bad-request', 'tail must be a number of lines, or "all".')
  }
  return Math.min(count, TAIL_LINES_MAX)
}

/** `?follow`, `?follow=true` or `?follow=1`. */
function flag(query: URLSearchParams, key: string): boolean {
  const word = query.get(key)
  if (word === null || word === 'false' || word === '0') return false
  if (word === '' || word === 'true' || word === '1') return true
  throw new AppError('bad-request', `${key} must be true or false.`)
}
