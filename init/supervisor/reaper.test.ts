import { expect, test } from 'vitest'
import { fakeLog, FakeMachine } from './fake-node.ts'
import { createReaper, REAPED_PER_TURN_MAX } from './reaper.ts'

const child = { argv: ['solocloud', 'spawn'], env: [], namespaces: 0, fds: [] }

function setUp(): {
  machine: FakeMachine
  reaper: ReturnType<typeof createReaper>
  log: ReturnType<typeof fakeLog>
  turns: (() => void)[]
} {
  const machine = new FakeMachine()
  const turns: (() => void)[] = []
  const log = fakeLog()
  const reaper = createReaper({
    ...{ native: machine.native, life: machine.life, log },
    later: (next) => turns.push(next),
  })
  machine.reap = reaper.reap
  return { machine, reaper, log, turns }
}

test('each end is told to who started the child, and to nobody else', () => {
  const { machine, reaper } = setUp()
  const ends: unknown[] = []
  reaper.spawn(child, (end) => ends.push(['a', end]))
  reaper.spawn(child, (end) => ends.push(['b', end]))
  machine.zombies.push([1001, 9], [77, 0], [1000, 3 << 8])
  reaper.reap()
  expect(ends).toEqual([
    ['b', { exitCode: null, signal: 'SIGKILL' }],
    ['a', { exitCode: 3, signal: null }],
  ])
  expect([reaper.orphans(), reaper.children()]).toEqual([1, 0])
})

test('a child that has ended before spawn returns is told all the same', () => {
  const { machine, reaper } = setUp()
  const ends: unknown[] = []
  machine.onSpawn = (born) => born.dies(0)
  reaper.spawn(child, (end) => ends.push(end))
  reaper.reap()
  expect(ends).toEqual([{ exitCode: 0, signal: null }])
})

test('a pid that comes again belongs to nobody until it is spawned again', () => {
  const { machine, reaper } = setUp()
  let told = 0
  reaper.spawn(child, () => told++)
  machine.last('spawn').exit(0)
  machine.zombies.push([1000, 0])
  reaper.reap()
  expect([told, reaper.orphans()]).toEqual([1, 1])
})

test('a fork storm is reaped in parts, and wholly', () => {
  const { machine, reaper, turns } = setUp()
  for (let pid = 2; pid < 5002; pid++) machine.zombies.push([pid, 0])
  reaper.reap()
  expect(reaper.orphans()).toBe(REAPED_PER_TURN_MAX)
  for (let next = turns.shift(); next !== undefined; next = turns.shift()) next()
  expect([reaper.orphans(), machine.zombies.length]).toEqual([5000, 0])
})

test('a bug in the handling of one end does not keep others from theirs', () => {
  const { machine, reaper, log } = setUp()
  let told = 0
  reaper.spawn(child, () => {
    throw new Error('BUG: x')
  })
  reaper.spawn(child, () => told++)
  machine.zombies.push([1000, 0], [1001, 0])
  reaper.reap()
  expect(told).toBe(1)
  expect(log.lines).toEqual(['error BUG in the handling of an exit: BUG: x'])
})

test('a failed spawn throws and nobody waits for it', () => {
  const { machine, reaper } = setUp()
  machine.spawnError = -12
  expect(() => reaper.spawn(child, () => undefined)).toThrow('ENOMEM')
  expect(reaper.children()).toBe(0)
})
