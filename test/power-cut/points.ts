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
  const byStep = steps
    .map((step, index) => {
      const next = steps[index + 1]?.beganAt ?? Infinity
      const own = intervals.filter(({ from }) => from > step.beganAt && from <= next)
      return { step, own }
    })
    .filter(({ own }) => own.length > 0)
    .map(({ step, own }) => ({ step, take: inTurns(own, random) }))
  const takeStep = inTurns(byStep, random)
  const points = Array.from({ length: count }, () => {
    const { step, take } = takeStep()
    return choosePoint(take(), step.name, steps, random)
  })
  return points.sort((a, b) => a.at - b.at)
}

/** Gives one item at a time, in random order, and none again before all of them. */
function inTurns<T>(items: readonly T[], random: () => number): () => T {
  let left: T[] = []
  return () => {
    if (left.length === 0) left = shuffled(items, random)
    const item = left.pop()
    if (item === undefined) throw new Error('the log has no flush')
    return item
  }
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
