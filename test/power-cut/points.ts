// Where to cut the power: chosen by chance from a log of writes, spread over what was under way.
import type { LoggedRequest } from '../../qemu/write-log.ts'
import { pick, shuffled } from '../seeded.ts'
import type { AppFacts, Step } from './recording.ts'

/** What was being written between one flush and the next. */
export interface Interval {
  /** Positions in the log, in bytes: after the flush, and where the next one stands (or the log ends). */
  from: number
  to: number
  writes: number
}

export interface Point {
  /** The power goes after the last request that ends at or before this; bytes of the log. */
  at: number
  /** What has not been flushed by then is lost, or kept in part. */
  unflushed: 'lost' | 'kept in part'
  /** The step that was under way or had just ended. */
  step: string
  /** What may be found on the disk. */
  allowed: readonly (readonly AppFacts[])[]
}

/** The log's flushes, each with what follows it. */
export async function flushIntervals(requests: AsyncIterable<LoggedRequest>): Promise<Interval[]> {
  const intervals: Interval[] = []
  let current: Interval = { from: 0, to: 0, writes: 0 }
  for await (const { at, end, flush, length } of requests) {
    if (flush) {
      current.to = at
      current = { from: end, to: end, writes: 0 }
      intervals.push(current)
    }
    if (length > 0) current.writes++
    current.to = end
  }
  return intervals
}

/** `count` points, each step in its turn; sorted by position, so that one pass through the log meets all. */
export function choosePoints(
  intervals: readonly Interval[],
  steps: readonly Step[],
  count: number,
  random: () => number,
): Point[] {
  // An interval belongs to the step that the last write before it was for.
  const byStep = steps
    .map((step, index) => {
      const next = steps[index + 1]?.beganAt ?? Infinity
      const own = intervals.filter(({ from }) => from > step.beganAt && from <= next)
      return { step, own }
    })
    .filter(({ own }) => own.length > 0)
  const points: Point[] = []
  let turn: typeof byStep = []
  while (points.length < count) {
    if (turn.length === 0) turn = shuffled(byStep, random)
    const chosen = turn.pop()
    if (chosen === undefined) throw new Error('the log has no flush')
    points.push(choosePoint(pick(chosen.own, random), chosen.step.name, steps, random))
  }
  return points.sort((a, b) => a.at - b.at)
}

function choosePoint(
  { from, to }: Interval,
  step: string,
  steps: readonly Step[],
  random: () => number,
): Point {
  const unflushed = random() < 0.5 ? 'lost' : 'kept in part'
  // Without the unflushed writes, every moment until the next flush is the same.
  const at = unflushed === 'lost' ? from : from + Math.ceil(random() * (to - from))
  return { at, unflushed, step, allowed: allowedAt(steps, at) }
}

/** Exactly what the operator was told last; while something is under way, also what that would lead to. */
export function allowedAt(steps: readonly Step[], at: number): readonly (readonly AppFacts[])[] {
  const underWay = steps.find((step) => at > step.beganAt && at < step.doneAt)
  if (underWay !== undefined) return [underWay.before, underWay.after]
  const done = steps.findLast((step) => step.doneAt <= at)
  return [done?.after ?? steps[0]?.before ?? []]
}
