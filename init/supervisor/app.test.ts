import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoffMs, step, type Effect, type EventName, type State } from './app.ts'

const show = (effect: Effect): string =>
  typeof effect === 'string' ? effect : `arm ${effect.armMs}`

/** Plays events one second apart without jitter, one line per step, so that a failure reads as a story. */
function play(from: State, ...events: (EventName | `${EventName} @${number}`)[]): string[] {
  let state = from
  return events.map((word, second) => {
    const [name, at] = word.split(' @') as [EventName, string | undefined]
    const nowMs = at === undefined ? second * 1000 : Number(at)
    const [next, ...effects] = step(state, { name, nowMs, random: 0 })
    state = next
    return `${name} -> ${next.name}: ${effects.map(show).join(', ')}`
  })
}
const stopped: State = { name: 'stopped' }

test('a first push runs, is stopped and stays stopped', () => {
  expect(play({ name: 'unpacking' }, 'start', 'started', 'stop', 'exited')).toEqual([
    'start -> starting: arm 30000, spawn',
    'started -> running: disarm',
    'stop -> stopping: terminate, arm 10000',
    'exited -> stopped: disarm',
  ])
})

test('an app that ignores its stop signal is killed, then ended by every means until it is gone', () => {
  const story = play(stopped, 'start', 'started', 'stop', 'timeout', 'timeout', 'timeout', 'exited')
  expect(story.slice(2)).toEqual([
    'stop -> stopping: terminate, arm 10000',
    'timeout -> stopping: kill, arm 2000',
    'timeout -> stopping: end-all, arm 2000',
    'timeout -> stopping: end-all, arm 2000',
    'exited -> stopped: disarm',
  ])
})

test('a stop during the plan waits for it, because a signal now could be lost', () => {
  expect(play(stopped, 'start', 'stop', 'started', 'exited')).toEqual([
    'start -> starting: arm 30000, spawn',
    'stop -> stopping: arm 10000',
    'started -> stopping: terminate',
    'exited -> stopped: disarm',
  ])
})

test('a plan that hangs is killed and backs off', () => {
  expect(play(stopped, 'start', 'timeout', 'timeout', 'exited', 'timeout')).toEqual([
    'start -> starting: arm 30000, spawn',
    'timeout -> starting: kill, arm 2000',
    'timeout -> starting: kill, arm 2000',
    'exited -> backing-off: arm 100',
    'timeout -> starting: arm 30000, spawn',
  ])
})

test('each quick exit doubles the wait, up to 30 s; 10 s of running start it again', () => {
  const crash: (EventName | `${EventName} @${number}`)[] = ['started', 'exited', 'timeout']
  const crashes = Array.from({ length: 11 }, () => crash).flat()
  const story = play(stopped, 'start', ...crashes, 'started @100000', 'exited @110000')
  const waits = story.filter((line) => line.startsWith('exited')).map((line) => line.split(': ')[1])
  expect(waits.slice(0, 4)).toEqual(['arm 100', 'arm 200', 'arm 400', 'arm 800'])
  expect(waits.slice(8)).toEqual(['arm 25600', 'arm 30000', 'arm 30000', 'arm 100'])
})

test('a start during the grace period restarts as soon as nothing is left', () => {
  expect(play(stopped, 'start', 'started', 'stop', 'start', 'timeout', 'exited').slice(3)).toEqual([
    'start -> stopping: ',
    'timeout -> stopping: kill, arm 2000',
    'exited -> starting: arm 30000, spawn',
  ])
})

test('an abort kills at once and never restarts', () => {
  expect(
    play(stopped, 'start', 'started', 'stop', 'start', 'abort', 'abort', 'exited').slice(4),
  ).toEqual([
    'abort -> stopping: kill, arm 2000',
    'abort -> stopping: ',
    'exited -> stopped: disarm',
  ])
})

test('an exit without a process is a bug, not a transition', () => {
  expect(() => play(stopped, 'exited')).toThrow('BUG: exited in stopped')
})

test('the wait is within bounds whatever the number of failures and the random number', () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), random, (failures, r) => {
      const ms = backoffMs(failures, r)
      expect(ms).toBeGreaterThanOrEqual(50)
      expect(ms).toBeLessThanOrEqual(30_000)
    }),
  )
})

/** A model of the world around one app: at most one process, one timer, and what was promised. */
class World {
  state: State = stopped
  alive = 0
  confirmed = false
  armed = false
  nowMs = 0

  /** The events that the runner could deliver now; the operator's are always possible. */
  possible(): EventName[] {
    const events: EventName[] = ['start', 'stop', 'abort']
    if (this.alive === 1) events.push('exited')
    if (this.alive === 1 && !this.confirmed) events.push('started')
    if (this.armed) events.push('timeout')
    return events
  }

  play(name: EventName, random: number): void {
    this.nowMs += Math.floor(random * 20_000)
    const before = this.state
    if (name === 'exited') this.alive = 0
    if (name === 'started') this.confirmed = true
    if (name === 'timeout') this.armed = false
    const [next, ...effects] = step(before, { name, nowMs: this.nowMs, random })
    this.state = next
    for (const effect of effects) this.perform(effect)
    this.check(before, name, effects)
  }

  perform(effect: Effect): void {
    if (effect === 'spawn') {
      this.alive++
      this.confirmed = false
    } else if (effect === 'disarm') this.armed = false
    else if (typeof effect === 'object') this.armed = true
    else expect(this.alive).toBe(1) // A signal needs a process.
  }

  check(before: State, name: EventName, effects: Effect[]): void {
    expect(this.alive).toBeLessThanOrEqual(1)
    const processStates = ['starting', 'running', 'stopping']
    expect(processStates.includes(this.state.name)).toBe(this.alive === 1)
    if (before.name === 'stopped' && name !== 'start') expect(effects).not.toContain('spawn')
    if (this.state.name === 'stopped') expect(this.armed).toBe(false)
    if (this.state.name === 'running') expect(this.armed).toBe(false)
    // Nothing waits without a way out: every other state has its timer.
    if (['starting', 'backing-off', 'stopping'].includes(this.state.name))
      expect(this.armed).toBe(true)
    for (const effect of effects) {
      if (this.state.name !== 'backing-off' || typeof effect === 'string') continue
      expect(effect.armMs).toBeGreaterThanOrEqual(50)
      expect(effect.armMs).toBeLessThanOrEqual(30_000)
    }
  }
}

test('random stories: never two processes, no spawn after a stop, no state without a way out', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
  const moves = fc.array(
    fc.tuple(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })),
    {
      maxLength: 200,
    },
  )
  // fast-check prints the seed and the shrunk story when this fails; SEED= replays it.
  fc.assert(
    fc.property(moves, (story) => {
      const world = new World()
      for (const [pick, random] of story) {
        const events = world.possible()
        world.play(events[pick % events.length] ?? 'stop', random)
      }
    }),
    { seed, numRuns: 500 },
  )
})
