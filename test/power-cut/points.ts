// Where to cut the power: chosen by chance from a log of writes, spread over what was under way.
import type { LoggedRequest } from '../../qemu/write-log.ts'
import { pick, shuffled } from '../seeded.ts'
import type { NodeFacts, Step } from './recording.ts'

/** What was being written between one flush and the next. */
export interface Interval {
  /** Where the flush ends in the log, bytes. */
  from: number
  /** And where each write before the next flush does. */
  writes: number[]
}

export interface Point {
  /** The power goes after the last request that ends at or before this; bytes of the log. */
  at: number
  /** What has not been flushed by then is lost, or kept in part. */
  unflushed: 'lost' | 'kept in part'
  /** The step that was under way or had just ended. */
  step: string
  /** What may be found on the disk. */
  allowed: readonly NodeFacts[]
}

/** The log's flushes, each with what follows it. */
export async function flushIntervals(requests: AsyncIterable<LoggedRequest>): Promise<Interval[]> {
  const intervals: Interval[] = []
  for await (const { end, flush, length } of requests) {
    if (flush) intervals.push({ from: end, writes: [] })
    if (length > 0) intervals.at(-1)?.writes.push(end)
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
  { from, writes }: Interval,
  step: string,
  steps: readonly Step[],
  random: () => number,
): Point {
  // Without the unflushed writes, every moment until the next flush is the same.
  const lost = writes.length === 0 || random() < 0.5
  const at = lost ? from : pick(writes, random)
  const unflushed = lost ? 'lost' : 'kept in part'
  return { at, unflushed, step, allowed: allowedAt(steps, at) }
}

/** Exactly what the operator was told last; while something is under way, also what that would lead to. */
export function allowedAt(steps: readonly Step[], at: number): readonly NodeFacts[] {
  const underWay = steps.find((step) => at > step.beganAt && at < step.doneAt)
  if (underWay !== undefined) return [underWay.before, underWay.after]
  const done = steps.findLast((step) => step.doneAt <= at)
  const facts = done?.after ?? steps[0]?.before
  return facts === undefined ? [] : [facts]
}
