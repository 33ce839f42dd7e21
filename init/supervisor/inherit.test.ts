// A death of PID 1: the first supervisor is dropped without a call, and a second one begins over the same life
// record, machine and disk.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock, type FakeChild } from './fake-node.ts'
import { obedient, World } from './test-supervisor.ts'

let world: World
beforeEach(() => {
  world = new World()
  obedient(world.machine)
})
afterEach(() => world.end())

const app = (name = 'foo'): ReturnType<World['supervisor']['get']> => world.supervisor.get(name)
const nextLife = (): void => world.die().start()
/** Lets what waits in pipes arrive. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const kept = (): number => world.machine.record.kept.size
const places = (): number => world.machine.record.notes.size
const logged = (name = 'foo'): string[] =>
  readFileSync(join(world.dir, `logs/${name}.log`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^\S+ \S+ /, ''))

test('a running app keeps its process, its times and its counts, and its lines go on', async () => {
  let child = await world.deployed('foo')
  child.exit(11)
  world.clock.advance(100)
  child = await world.started()
  child.say(1, 'one\ntw')
  const before = app()
  expect(before).toMatchObject({ state: 'running', restarts: 1, lastExit: { signal: 'SIGSEGV' } })
  child.say(2, 'said while nobody listened\n') // Read in this life; the rest is there for the next.
  nextLife()
  expect(app()).toEqual(before)
  child.say(1, 'o\nthree\n')
  await settle()
  expect(logged()).toEqual(['F one', 'F said while nobody listened', 'F two', 'F three'])
  expect(world.machine.children).toHaveLength(3) // The unpacker, and two lives of foo.
  world.clock.advance(20_000)
  child.exit(0)
  expect(app()).toMatchObject({ state: 'backing-off', lastExit: { exitCode: 0 } })
  world.clock.advance(100)
  await world.started()
  expect(app()).toMatchObject({ state: 'running', restarts: 2 })
})

test('what was written between two lives is read by the second', async () => {
  const child = await world.deployed('foo')
  world.machine.die()
  child.say(1, 'late\n')
  nextLife()
  await settle()
  expect(logged()).toEqual(['F late'])
})

test('thirty lives leave nothing behind', async () => {
  const child = await world.deployed('foo')
  child.say(1, 'open the log\n')
  expect([kept(), places()]).toEqual([3, 1])
  for (let life = 0; life < 30; life++) nextLife()
  expect([kept(), places()]).toEqual([3, 1])
  expect(app()).toMatchObject({ state: 'running', pid: child.pid })
})

test('a start that was under way is heard of, also when it was done before the death', async () => {
  const crashed = await world.deployed('foo')
  crashed.exit(0)
  world.clock.advance(100)
  const child = world.starting()[0]
  nextLife()
  expect(app()).toMatchObject({ state: 'starting', pid: child?.pid })
  world.machine.die()
  child?.say(3, 'R\n')
  nextLife()
  await settle()
  expect(app()).toMatchObject({ state: 'running', pid: child?.pid, restarts: 1 })
})

test('a plan that hangs is ended at the time that the first life has set', async () => {
  const crashed = await world.deployed('foo')
  crashed.exit(0)
  world.clock.advance(100)
  const [child] = world.starting()
  world.clock.advance(29_000)
  nextLife()
  world.clock.advance(999)
  expect(world.machine.signals).toEqual([])
  world.clock.advance(1)
  expect(world.machine.signals).toEqual([`${child?.pid} SIGKILL`])
})

test('a start that was done in time counts, however long there was nobody to hear of it', async () => {
  const crashed = await world.deployed('foo')
  crashed.exit(0)
  world.clock.advance(100)
  const [child] = world.starting()
  world.machine.die()
  child?.say(3, 'R\n')
  world.clock = new FakeClock(world.clock.nowMs() + 60_000)
  nextLife()
  world.clock.advance(0) // The timers of a loop come first.
  await settle()
  expect(world.machine.signals).toEqual([])
  expect(app()).toMatchObject({ state: 'running', pid: child?.pid })
})

test('a plan that failed says why, in whatever life that is read', async () => {
  const crashed = await world.deployed('foo')
  crashed.exit(0)
  world.clock.advance(100)
  const [child] = world.starting()
  world.machine.die()
  child?.say(3, 'E 1 2\n')
  child?.dies(127 << 8)
  nextLife()
  expect(app()).toMatchObject({
    state: 'backing-off',
    error: 'step 1 of its start failed: ENOENT',
    lastExit: { exitCode: 0 },
  })
})

test('backing off goes on until the time that was set', async () => {
  const child = await world.deployed('foo')
  child.exit(1 << 8)
  world.clock.advance(60)
  nextLife()
  expect(app()).toMatchObject({ state: 'backing-off', lastExit: { exitCode: 1 } })
  world.clock.advance(39)
  expect(app().state).toBe('backing-off')
  world.clock.advance(1)
  expect(app()).toMatchObject({ state: 'starting', restarts: 1 })
  expect(places()).toBe(1)
})

const ends: [string, (child: FakeChild) => void][] = [
  ['that nobody has reaped', (child) => child.dies(7 << 8)],
  [
    'that the loader has reaped',
    (child) => {
      child.dies(7 << 8)
      world.machine.loaderReaps()
    },
  ],
]
test.each(ends)('an end between two lives, %s, is the exit that it is', async (_, end) => {
  const child = await world.deployed('foo')
  child.say(1, 'last words')
  world.machine.die()
  child.say(3, 'X 9\n')
  end(child)
  nextLife()
  expect(app()).toMatchObject({ state: 'backing-off', pid: null, lastExit: { signal: 'SIGKILL' } })
  expect(logged()).toEqual(['F last words'])
  expect(kept()).toBe(0)
  world.clock.advance(100)
  await world.started()
  expect(kept()).toBe(3)
})

test('an end that nobody has seen is an exit for a reason that is not known', async () => {
  const child = await world.deployed('foo')
  child.dies(0)
  world.machine.zombies.length = 0 // Reaped in the very instant of the death.
  nextLife()
  expect(app()).toMatchObject({ state: 'backing-off', lastExit: { exitCode: null, signal: null } })
})

test('what an operation was stopping runs again once it is gone', async () => {
  const child = await world.deployed('foo')
  world.machine.onSignal = () => undefined
  void world.supervisor.restart('foo').catch(() => undefined)
  expect(app().state).toBe('stopping')
  world.clock.advance(4000)
  nextLife()
  expect(app()).toMatchObject({ state: 'stopping', pid: child.pid })
  world.clock.advance(6000)
  expect(world.machine.signals.at(-1)).toBe(`${child.pid} SIGKILL`)
  child.exit(9)
  expect(app().state).toBe('starting')
  await world.started()
  expect(app().state).toBe('running')
})

test('a push that was unpacking is gone, its unpacker first', async () => {
  const child = await world.deployed('foo')
  world.push('foo')
  const unpacker = await world.child('unpack')
  world.push('new')
  expect([places(), world.staging()]).toEqual([2, ['foo-2']])
  world.machine.onSignal = () => undefined
  nextLife()
  await settle()
  expect(world.machine.signals).toEqual([`${unpacker.pid} SIGKILL`])
  expect(world.staging()).toEqual(['foo-2']) // It may still write there.
  unpacker.exit(9)
  await world.supervisor.tidied()
  expect([world.staging(), places()]).toEqual([[], 1])
  expect(world.supervisor.list().map(({ name, pid }) => `${name} ${pid}`)).toEqual([
    `foo ${child.pid}`,
  ])
})

test('a generation on trial gives way to the current one, and is deleted after its end', async () => {
  const first = await world.deployed('foo')
  const pushed = world.push('foo')
  await world.unpack(pushed)
  await world.until(() => !first.alive)
  const trial = await world.started()
  world.machine.onSignal = () => undefined
  nextLife()
  await settle()
  expect(world.machine.signals.at(-1)).toBe(`${trial.pid} SIGKILL`)
  expect([app().state, app().generation]).toEqual(['stopping', 1])
  expect(world.generations('foo')).toEqual(['1', '2'])
  trial.exit(9)
  const again = await world.started()
  expect(again.argv[2]).toContain('/foo/1')
  await world.supervisor.tidied()
  expect(world.generations('foo')).toEqual(['1'])
  expect(app()).toMatchObject({ state: 'running', pid: again.pid, generation: 1 })
  expect([kept(), places()]).toEqual([3, 1])
})

test('a first push on trial ends, and nothing of it stays', async () => {
  const pushed = world.push('foo')
  await world.unpack(pushed)
  const trial = await world.started()
  trial.say(1, 'hello\n')
  world.machine.onSignal = () => undefined
  nextLife()
  await settle()
  expect(world.generations('foo')).toEqual(['1'])
  const refused = world.push('foo')
  expect(await refused.outcome).toMatchObject({ code: 'busy' })
  trial.exit(9)
  await world.supervisor.tidied()
  expect([world.supervisor.list(), world.generations('foo'), kept(), places()]).toEqual([
    [],
    [],
    0,
    0,
  ])
  expect(readdirSync(join(world.dir, 'logs'))).toEqual([])
  obedient(world.machine)
  await world.deployed('foo')
})

test('in the chroot tier a life ends what the one before had begun to clear', async () => {
  world.end()
  world = new World({ isolation: 'chroot' })
  const child = await world.deployed('foo')
  const at = app().startedAt
  world.die({ isolation: 'chroot' }).start()
  expect(app()).toMatchObject({ state: 'running', isolation: 'chroot', startedAt: at })
  child.exit(3 << 8)
  expect(app()).toMatchObject({ state: 'backing-off', lastExit: { exitCode: 3 } })
})

test('name servers that an app has already are not written again', async () => {
  await world.deployed('foo')
  world.supervisor.refreshResolvConf('nameserver 192.0.2.1\n')
  const count = world.machine.children.length
  world.machine.last('spawn').exit(0)
  world.die()
  world.supervisor.refreshResolvConf('nameserver 192.0.2.1\n')
  world.supervisor.start()
  await settle()
  expect(world.machine.children).toHaveLength(count)
  world.supervisor.refreshResolvConf('nameserver 192.0.2.2\n')
  expect(world.machine.children).toHaveLength(count + 1)
})

test('a note that this version does not understand: its process ends and the app is started', async () => {
  const child = await world.deployed('foo')
  for (const place of world.machine.record.notes.keys())
    world.machine.life.write(place, { kind: 'app', name: 'foo', state: { name: 'dreaming' } })
  nextLife()
  expect(world.machine.signals).toEqual([`${child.pid} SIGKILL`])
  await world.started()
  expect(app().state).toBe('running')
  await world.supervisor.tidied()
  expect([kept(), places()]).toEqual([3, 1])
})

test("notes of the node's own parts stay, those of helpers go", async () => {
  const { life } = world.machine
  const mine = life.claim()
  life.write(mine, { kind: 'node', part: 'boot', value: 1 })
  life.write(life.claim(), { kind: 'helper' }) // Died before its helper was born.
  nextLife()
  await world.supervisor.tidied()
  expect(world.machine.life.notes()).toEqual([
    { child: mine, note: { kind: 'node', part: 'boot', value: 1 } },
  ])
})

/** From a crash to the next exit, with output in between: every step that touches the machine. */
async function crashAndRun(): Promise<void> {
  const step = async (work: () => void): Promise<void> => {
    try {
      work()
    } catch {
      // The death came out here.
    }
    await settle()
  }
  const newest = (): FakeChild | undefined => world.machine.alive('spawn').at(-1)
  await step(() => newest()?.exit(1 << 8))
  await step(() => world.clock.advance(100))
  await step(() => newest()?.say(3, 'R\n'))
  await step(() => newest()?.say(1, 'one\ntwo'))
  await step(() => newest()?.say(3, `X ${2 << 8}\n`))
  await step(() => newest()?.exit(1))
}

test('wherever a death comes, the next life adopts the process or starts one, and never a second', async () => {
  await world.deployed('foo')
  let twins = 0
  let calls = 0
  for (let at = 1; calls === 0; at++) {
    const { machine } = world
    machine.onSpawn = () => {
      if (machine.alive('spawn').length > 1) twins++
    }
    world.clock.advance(20_000) // Stable: the next wait is a short one again.
    machine.dieAtCall(at)
    await crashAndRun()
    if (!machine.died) calls = at
    nextLife()
    await settle()
    for (let tries = 0; app().state !== 'running' && tries < 10; tries++) {
      world.clock.advance(30_000)
      machine.alive('spawn').at(-1)?.say(3, 'R\n')
      await settle()
    }
    const alive = machine.alive('spawn')
    expect([at, twins, alive.length, kept(), places()]).toEqual([at, 0, 1, 3, 1])
    expect(app()).toMatchObject({ state: 'running', pid: alive[0]?.pid })
    expect(world.log.lines.filter((line) => line.includes('BUG'))).toEqual([])
  }
  expect(calls).toBeGreaterThan(50)
}, 60_000)

test('many apps are started a few at a time, and none after the end of the node has begun', async () => {
  for (let count = 0; count < 20; count++) await world.deployed(`app-${count}`)
  world.close()
  const starting = (): number =>
    world.supervisor.list().filter(({ state }) => state === 'starting').length
  world.boot().start()
  expect(starting()).toBe(8)
  world.clock.advance(0)
  expect(starting()).toBe(20)
  world.close()
  world.boot().start()
  void world.supervisor.stopAll()
  world.clock.advance(0)
  expect(world.supervisor.list().filter(({ state }) => state === 'stopped')).toHaveLength(12)
})
