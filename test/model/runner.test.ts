// What may never happen to an app, under random sequences of what an operator, processes and deaths of PID 1 do
// to its runner. MODEL_SEED and MODEL_SEQUENCES say which sequences, and how many.
import { afterEach, expect, test, vi } from 'vitest'
import type { Event, State, Step } from '../../init/supervisor/app.ts'
import { chooseSeed } from '../seeded.ts'
import { RUNNER_KINDS, runRunners } from './runner-events.ts'
import { APPS, type Faults } from './runner-world.ts'
import { describeFailure, generator, search } from './sequence.ts'

type StepOf = (state: State, event: Event) => Step
/** What the state machine becomes, so that the model is seen to fail. */
const broken = vi.hoisted((): { step: ((real: StepOf) => StepOf) | null } => ({ step: null }))

vi.mock('node:fs', async (original) => {
  const { modelFs } = await import('./descriptors.ts')
  return modelFs(await original())
})
vi.mock('../../init/supervisor/app.ts', async (original) => {
  const real = await original<typeof import('../../init/supervisor/app.ts')>()
  const step: StepOf = (...given) => (broken.step?.(real.step) ?? real.step)(...given)
  return { ...real, step }
})
afterEach(() => void (broken.step = null))

const seed = chooseSeed('MODEL_SEED')
const sequences = Number(process.env['MODEL_SEQUENCES'] ?? 100_000)
const generate = generator({ kinds: RUNNER_KINDS, apps: APPS, eventsMin: 5, eventsMax: 40 })

test(`${sequences} sequences from MODEL_SEED=${seed}`, { timeout: 600_000 }, async () => {
  const failure = await search(seed, sequences, generate, (events) => runRunners(events))
  expect(failure && describeFailure(failure, 'MODEL_SEQUENCES')).toBeNull()
})

/** What is broken is found whatever the seed is; only which violation comes first depends on it. */
const BROKEN_SEED = 1
/** More than any of these needs. */
const BROKEN_SEQUENCES = 2000
const violationOf = async (faults: Faults = {}): Promise<string> => {
  const run = (events: Parameters<typeof runRunners>[0]): string | null =>
    runRunners(events, faults)
  const failure = await search(BROKEN_SEED, BROKEN_SEQUENCES, generate, run)
  expect(failure?.events.length).toBeLessThan(10)
  return failure?.violation ?? ''
}

test('one that starts again what was stopped is found out', async () => {
  broken.step = (real) => (state, event) =>
    state.name === 'stopping' && event.name === 'exited'
      ? [{ name: 'starting', failures: 0 }, { armMs: 30_000 }, 'spawn']
      : real(state, event)
  expect(await violationOf()).toContain('a spawn after a stop')
})

test('one that waits for as long after every exit is found out', async () => {
  broken.step = (real) => (state, event) => {
    const [next, ...effects] = real(state, event)
    return next.name === 'backing-off' ? [next, { armMs: 100 }] : [next, ...effects]
  }
  expect(await violationOf()).toContain('waits 100 ms after')
})

test('one that never gives up a process that ignores its signal, nor ends it, is found out', async () => {
  broken.step = (real) => (state, event) =>
    state.name === 'stopping' && event.name === 'timeout' ? [state] : real(state, event)
  expect(await violationOf()).toMatch(/of a good world|timer/)
})

test.each<[string, Faults, RegExp]>([
  ['looks for nothing that an app has left behind', { blind: true }, /stray/],
  ['does not know its children after a death', { forgetful: true }, /beside|is there/],
  ['leaves open what the life before it kept for nobody', { untidy: true }, /kept for nobody/],
])('one that %s is found out', async (_, faults, violation) => {
  expect(await violationOf(faults)).toMatch(violation)
})
