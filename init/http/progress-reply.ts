// Answers a long operation with its progress, line by line, once it is clear that it has begun.
import type { AppStatus, Progress } from '../../protocol/api.ts'
import { EventQueue } from './event-queue.ts'
import type { Log } from '../supervisor/log.ts'
import { failureOf, type Failure } from './problems.ts'
import type { LinesReply } from './reply.ts'

/** The answer begins after this long even without an event: a silent node looks like a dead one. */
export const FIRST_EVENT_MS_MAX = 10_000

interface ErrorEvent extends Failure {
  event: 'error'
}

export interface Story<E extends { event: string }, Result> {
  /** Goes on when the client leaves. */
  operation: (tell: (event: E) => void) => Promise<Result>
  /** The stream's last event when the operation is done. */
  last: (result: Result) => E
  /** Unread events of this name merge; the others are a handful, so the queue stays small. */
  merging: E['event']
  /** Runs once the operation is done and the answer has left, or could not. */
  after?: (result: Result) => void
}

/**
 * Starts the operation. Rejects with its error if it fails before any progress: the error can then still be
 * a proper HTTP status. Later errors are the stream's last event.
 */
export async function storyReply<E extends { event: string }, Result>(
  { operation, last, merging, after }: Story<E, Result>,
  log: Log,
): Promise<LinesReply> {
  const queue = new EventQueue<E | ErrorEvent>()
  const first = Promise.withResolvers<undefined>()
  let begun = false
  const begin = (): void => {
    begun = true
    first.resolve(undefined)
  }
  const timer = setTimeout(begin, FIRST_EVENT_MS_MAX)
  const finish = (event: E | ErrorEvent): void => {
    queue.push(event)
    queue.end()
  }
  const tell = (event: E): void => {
    if (event.event === merging && queue.last?.event === merging) queue.replaceLast(event)
    else queue.push(event)
    begin()
  }
  const outcome = Promise.resolve().then(() => operation(tell))
  const told = outcome.then(
    (result) => {
      finish(last(result))
      return () => after?.(result)
    },
    (error: unknown) => {
      if (begun) finish({ event: 'error', ...failureOf(error, log) })
      return () => undefined
    },
  )
  try {
    await Promise.race([first.promise, outcome])
  } finally {
    clearTimeout(timer)
  }
  const afterwards = (): void => void told.then((act) => act())
  return { status: 200, lines: queue, cancel: () => queue.clear(), after: afterwards }
}

type AppOperation = (onProgress: (progress: Progress) => void) => Promise<AppStatus>

/** A push's or a rollback's progress. The last event is decided by the outcome, so its own is not passed on. */
export async function progressReply(operation: AppOperation, log: Log): Promise<LinesReply> {
  return storyReply<Progress, AppStatus>(
    {
      operation: (tell) =>
        operation((progress) => {
          if (progress.event !== 'running' && progress.event !== 'error') tell(progress)
        }),
      last: (app) => ({ event: 'running', app }),
      merging: 'unpacking',
    },
    log,
  )
}
