// Answers a long operation with its progress, line by line, once it is clear that it has begun.
import type { AppStatus, Progress } from '../../protocol/api.ts'
import { EventQueue } from './event-queue.ts'
import type { Log } from '../supervisor/log.ts'
import { failureOf } from './problems.ts'
import type { LinesReply } from './reply.ts'

/** The answer begins after this long even without an event: a silent node looks like a dead one. */
export const FIRST_EVENT_MS_MAX = 10_000

type Operation = (onProgress: (progress: Progress) => void) => Promise<AppStatus>

/**
 * Starts `operation`. Rejects with its error if it fails before any progress: the error can then still be
 * a proper HTTP status. Later errors are the stream's last event. The operation goes on when the client leaves.
 */
export async function progressReply(operation: Operation, log: Log): Promise<LinesReply> {
  const queue = new EventQueue<Progress>()
  const first = Promise.withResolvers<undefined>()
  let begun = false
  const begin = (): void => {
    begun = true
    first.resolve(undefined)
  }
  const timer = setTimeout(begin, FIRST_EVENT_MS_MAX)
  const outcome = run(operation, (progress) => {
    enqueue(queue, progress)
    begin()
  })
  outcome.then(
    (app) => finish(queue, { event: 'running', app }),
    (error: unknown) => {
      if (begun) finish(queue, { event: 'error', ...failureOf(error, log) })
    },
  )
  try {
    await Promise.race([first.promise, outcome])
  } finally {
    clearTimeout(timer)
  }
  return { status: 200, lines: queue, cancel: () => queue.clear() }
}

/** The last event is decided by the outcome, so an operation's own is not passed on. */
async function run(operation: Operation, tell: (progress: Progress) => void): Promise<AppStatus> {
  return operation((progress) => {
    if (progress.event !== 'running' && progress.event !== 'error') tell(progress)
  })
}

function finish(queue: EventQueue<Progress>, last: Progress): void {
  queue.push(last)
  queue.end()
}

/** Unread `unpacking` events merge; the others are a handful for a push, so the queue stays small. */
function enqueue(queue: EventQueue<Progress>, progress: Progress): void {
  if (progress.event === 'unpacking' && queue.last?.event === 'unpacking') {
    queue.replaceLast(progress)
  } else queue.push(progress)
}
