// Where to cut the power: chosen by chance from a log of writes, spread over what was under way.
import type { LoggedRequest } from '../../qemu/write-log.ts'
import { pick, shuffled } from '../seeded.ts'

/** What was being written between one flush and the next. */
export interface Interval {
  /** Where the flush ends in the log, bytes. */
  from: number
  /** And where each write before the next flush does. */
  writes: number[]
}

/** Something that was under way between two positions of the log. */
export interface Span {
  name: string
  /** Positions in the log, in bytes, when it was asked for and when the operator was told that it is done. */
  beganAt: number
  doneAt: number
}

/** And what it did to the machine. */
export interface Step<Facts> extends Span {
  /** Nothing else may be found after a power cut, */
  before: Facts
  after: Facts
  /** but this while it is under way. */
  meanwhile?: Facts
}

export interface Point {
  /** The power goes after the last request that ends at or before this; bytes of the log. */
  at: number
  /** What has not been flushed by then is lost, or kept in part. */
  unflushed: 'lost' | 'kept in part'
  /** What was under way or had just ended. */
  span: string
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

/** `count` points, each span in its turn; sorted by position, so that one pass through the log meets all. */
export function choosePoints(
  intervals: readonly Interval[],
  spans: readonly Span[],
  count: number,
  random: () => number,
): Point[] {
  const bySpan = spans
    .map((span, index) => {
      const next = spans[index + 1]?.beganAt ?? Infinity
      const own = intervals.filter(({ from }) => from > span.beganAt && from <= next)
      return { span, own }
    })
    .filter(({ own }) => own.length > 0)
    .map(({ span, own }) => ({ span, take: inTurns(own, random) }))
  const takeSpan = inTurns(bySpan, random)
  const points = Array.from({ length: count }, () => {
    const { span, take } = takeSpan()
    return choosePoint(take(), span.name, random)
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

function choosePoint({ from, writes }: Interval, span: string, random: () => number): Point {
  // Without the unflushed writes, every moment until the next flush is the same.
  const lost = writes.length === 0 || random() < 0.5
  const at = lost ? from : pick(writes, random)
  return { at, unflushed: lost ? 'lost' : 'kept in part', span }
}

/** Exactly what the operator was told last; while something is under way, also what that would lead to. */
export function allowedAt<Facts>(steps: readonly Step<Facts>[], at: number): readonly Facts[] {
  const underWay = steps.find((step) => at > step.beganAt && at < step.doneAt)
  if (underWay !== undefined) {
    const { before, after, meanwhile } = underWay
    return meanwhile === undefined ? [before, after] : [before, meanwhile, after]
  }
  const done = steps.findLast((step) => step.doneAt <= at)
  const facts = done?.after ?? steps[0]?.before
  return facts === undefined ? [] : [facts]
}
