// Choosing where to cut, without a guest.
import { expect, test } from 'vitest'
import type { LoggedRequest } from '../../qemu/write-log.ts'
import { seeded } from '../seeded.ts'
import { allowedAt, choosePoints, flushIntervals, type Interval, type Step } from './points.ts'
import type { NodeFacts } from './recording.ts'

const node = (...generations: number[]): NodeFacts => ({
  apps: generations.map((generation) => ({
    ...{ name: 'a', generation, previousGeneration: null, digest: `sha256:${generation}` },
  })),
  init: 'old',
})
const STEPS: readonly Step<NodeFacts>[] = [
  { name: 'boot', beganAt: 0, doneAt: 1000, before: node(), after: node() },
  { name: 'push', beganAt: 1000, doneAt: 3000, before: node(), after: node(1) },
  { name: 'redeploy', beganAt: 3500, doneAt: 5000, before: node(1), after: node(2) },
]

test.each([
  ['before anything', 0, [node()]],
  ['in the boot', 500, [node(), node()]],
  ['when the push is asked for', 1000, [node()]],
  ['in the push', 1001, [node(), node(1)]],
  ['a byte before it is acknowledged', 2999, [node(), node(1)]],
  ['when it is acknowledged', 3000, [node(1)]],
  ['between two', 3400, [node(1)]],
  ['in the redeploy', 4000, [node(1), node(2)]],
  ['long after', 9000, [node(2)]],
])('%s, only what the operator was told may be found', (_when, at, allowed) => {
  expect(allowedAt(STEPS, at)).toEqual(allowed)
})

test('what may be found only while something is under way', () => {
  const steps = [{ name: 'once', beganAt: 10, doneAt: 20, before: 'a', after: 'b', meanwhile: 'c' }]
  expect([10, 15, 20].map((at) => allowedAt(steps, at))).toEqual([['a'], ['a', 'c', 'b'], ['b']])
})

async function* requests(): AsyncGenerator<LoggedRequest> {
  const base = { fua: false, discard: false, offset: 0, dataAt: 0 }
  yield { ...base, at: 512, end: 1536, flush: false, length: 512 }
  yield { ...base, at: 1536, end: 2048, flush: true, length: 0 }
  yield { ...base, at: 2048, end: 3072, flush: false, length: 512 }
  yield { ...base, at: 3072, end: 4096, flush: false, length: 512 }
  yield { ...base, at: 4096, end: 4608, flush: true, length: 0 }
  return Promise.resolve()
}

test('an interval is what follows a flush', async () => {
  expect(await flushIntervals(requests())).toEqual([
    { from: 2048, writes: [3072, 4096] },
    { from: 4608, writes: [] },
  ])
})

const INTERVALS: readonly Interval[] = [
  ...[400, 1100, 1200, 1300, 1400, 1500, 1600, 1700, 4000],
].map((from) => ({ from, writes: [from + 20, from + 50] }))

test('points are spread over the steps, in order, and repeat with the seed', () => {
  const choose = (seed: number) => choosePoints(INTERVALS, STEPS, 30, seeded(seed))
  const points = choose(7)
  expect(points).toHaveLength(30)
  expect(points.map(({ at }) => at)).toEqual(
    points.map(({ at }) => at).toSorted((one, other) => one - other),
  )
  for (const { name } of STEPS) expect(points.filter(({ span }) => span === name)).toHaveLength(10)
  expect(new Set(points.map(({ unflushed }) => unflushed)).size).toBe(2)
  expect(choose(7)).toEqual(points)
  expect(choose(8)).not.toEqual(points)
})

test('no flush is taken again before every other one of its step', () => {
  const points = choosePoints(INTERVALS, STEPS, 21, seeded(3))
  const inPush = points.filter(({ span }) => span === 'push')
  const taken = inPush.map(({ at }) => INTERVALS.findLast(({ from }) => from <= at)?.from)
  expect(new Set(taken).size).toBe(7)
})

test('what is lost is lost right after the flush, the rest after one of the writes', () => {
  for (const { at, unflushed } of choosePoints(INTERVALS, STEPS, 100, seeded(1))) {
    const interval = INTERVALS.findLast(({ from }) => from <= at)
    expect(unflushed === 'lost' ? [interval?.from] : interval?.writes).toContain(at)
  }
})

test('after a flush without writes there is nothing to keep', () => {
  const points = choosePoints([{ from: 400, writes: [] }], STEPS, 20, seeded(1))
  expect(new Set(points.map(({ unflushed }) => unflushed))).toEqual(new Set(['lost']))
})
