import { expect, test } from 'vitest'
import { AppError } from './apps.ts'
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

test('a helper has a place of its own in the life record, for as long as it lives', () => {
  const { machine, reaper } = setUp()
  reaper.spawn(child, () => undefined)
  reaper.spawn({ ...child, argv: ['solocloud', 'unpack'] }, () => undefined, 'unpack')
  expect(machine.life.notes().map(({ note }) => note)).toEqual([
    { kind: 'helper' },
    { kind: 'unpack' },
  ])
  expect(machine.life.child(1)).toEqual({ pid: 1001, status: null })
  machine.last('unpack').exit(0)
  machine.spawnError = -12
  expect(() => reaper.spawn(child, () => undefined)).toThrow('ENOMEM')
  expect(machine.life.notes()).toEqual([{ child: 0, note: { kind: 'helper' } }])
  expect(machine.life.child(1)).toBeNull()
})

test('a full life record is an operating error, and room again when one ends', () => {
  const { machine, reaper } = setUp()
  for (let count = 0; count < 2048; count++) reaper.spawn(child, () => undefined)
  expect(() => reaper.spawn(child, () => undefined)).toThrow(
    new AppError(
      'too-many-children',
      'This node runs 2,048 children at most; remove an app first.',
    ),
  )
  machine.last('spawn').exit(0)
  reaper.spawn(child, () => undefined)
})

test('a child of the life before: its end is told once, whoever has seen it', () => {
  const { machine, reaper } = setUp()
  const places = [0, 1, 2, 3].map(() => reaper.claim())
  for (const place of places) reaper.spawn(child, () => undefined, place)
  const [seen, unseen, lost] = machine.children
  seen?.dies(1 << 8)
  machine.loaderReaps()
  lost?.dies(0)
  machine.zombies.length = 0
  unseen?.dies(9)
  machine.die()
  const next = createReaper({
    ...{ native: machine.native, life: machine.life, log: fakeLog() },
    later: (work) => work(),
  })
  const ends: unknown[] = []
  const pids = places.map((place) => next.adopt(place, (end) => ends.push([place, end])))
  expect(pids).toEqual([null, 1001, null, 1003])
  next.reap()
  next.reap()
  expect(ends).toEqual([
    [0, { exitCode: 1, signal: null }],
    [2, { exitCode: null, signal: null }],
    [1, { exitCode: null, signal: 'SIGKILL' }],
  ])
  expect(next.children()).toBe(1)
})
