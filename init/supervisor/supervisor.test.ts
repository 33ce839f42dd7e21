import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { FakeChild } from './fake-node.ts'
import { obedient, World } from './test-supervisor.ts'

let world: World
beforeEach(() => {
  world = new World()
  obedient(world.machine)
})
afterEach(() => world.end())

const state = (name: string): string => world.supervisor.get(name).state

test('a new life starts the apps that were started, and repairs what a power cut left', async () => {
  await world.deployed('foo')
  await world.deployed('bar')
  const chroots = join(world.dir, 'chroots')
  mkdirSync(join(chroots, '.staging/foo-7/deep'), { recursive: true })
  mkdirSync(join(chroots, '.generations/foo/2')) // Its push was never committed.
  mkdirSync(join(chroots, '.generations/new/1'), { recursive: true }) // Nor this first one.
  symlinkSync('.generations/new/1', join(chroots, 'new'))
  rmSync(join(chroots, 'foo'))
  world.boot().start()
  expect(world.supervisor.list().map(({ name, state }) => `${name} ${state}`)).toEqual([
    'bar starting',
    'foo starting',
  ])
  await world.started()
  await world.started()
  await world.supervisor.tidied()
  expect([world.link('foo'), world.link('new'), world.generations('foo')]).toEqual([
    '.generations/foo/1',
    null,
    ['1'],
  ])
  expect([world.staging(), world.generations('new')]).toEqual([[], []])
  expect([state('foo'), state('bar')]).toEqual(['running', 'running'])
})

test('a removed app does not come back', async () => {
  await world.deployed('foo')
  await world.supervisor.remove('foo')
  world.boot().start()
  expect(world.supervisor.list()).toEqual([])
})

test('a damaged database loses no chroot: what is unknown is kept, also by later lives', async () => {
  await world.deployed('foo')
  world.close()
  writeFileSync(join(world.dir, 'lib/state.db'), 'x'.repeat(10_000))
  for (let life = 0; life < 2; life++) {
    world.boot().start()
    await world.supervisor.tidied()
    expect([world.supervisor.list(), world.generations('foo')]).toEqual([[], ['1']])
  }
  obedient(world.machine)
  await world.deployed('foo') // Under a number of its own.
  expect(world.supervisor.get('foo').generation).toBe(2)
})

test('a crash is shown and restarted, with growing waits, and a stable run forgives', async () => {
  let child = await world.deployed('foo')
  for (const waitMs of [100, 200, 400]) {
    world.clock.advance(1)
    child.exit(11)
    expect(world.supervisor.get('foo')).toMatchObject({
      state: 'backing-off',
      pid: null,
      lastExit: { exitCode: null, signal: 'SIGSEGV' },
    })
    world.clock.advance(waitMs - 1)
    expect(state('foo')).toBe('backing-off')
    world.clock.advance(1)
    child = await world.started()
  }
  expect(world.supervisor.get('foo')).toMatchObject({ state: 'running', restarts: 3 })
  world.clock.advance(10_000)
  child.exit(0)
  world.clock.advance(100)
  expect(state('foo')).toBe('starting')
})

test("the main process's own status is shown, not its init's", async () => {
  const child = await world.deployed('foo')
  child.say(3, `X ${7 << 8}\n`)
  child.exit(1 << 8)
  expect(world.supervisor.get('foo').lastExit).toMatchObject({ exitCode: 7, signal: null })
})

test('no process could be started: it backs off and says why', async () => {
  const child = await world.deployed('foo')
  world.machine.spawnError = -11
  child.exit(0)
  world.clock.advance(100)
  expect(world.supervisor.get('foo')).toMatchObject({
    state: 'backing-off',
    error: 'it could not be started: spawn spawn: EAGAIN',
  })
  world.machine.spawnError = 0
  world.clock.advance(200)
  await world.started()
  expect(world.supervisor.get('foo')).toMatchObject({ state: 'running', error: null })
})

test('lines reach tail, followers and the file; a last one without a newline too', async () => {
  const child = await world.deployed('foo')
  const lines: string[] = []
  const leave = world.supervisor.follow('foo', ({ line }) => lines.push(line))
  child.say(1, 'one\ntw')
  child.say(2, 'err\n')
  child.say(1, 'o\nlast')
  child.exit(0)
  leave()
  expect(lines).toEqual(['one', 'err', 'two', 'last'])
  expect(world.supervisor.tail('foo', 2).map(({ line }) => line)).toEqual(['two', 'last'])
})

test('one app that writes without end gets one read a turn', async () => {
  const child = await world.deployed('foo')
  const before = world.supervisor.tail('foo', 100).length
  child.say(1, Buffer.from('0123456789abcde\n'.repeat(16 * 1024))) // 256 KiB, one wake-up
  const bytes = (): number =>
    world.supervisor.tail('foo', 100_000).filter(({ stream }) => stream === 'stdout').length * 16
  expect([before, bytes()]).toEqual([0, 64 * 1024])
})

test('in the chroot tier every process with that root ends, and mounts go, before a restart', async () => {
  world.end()
  world = new World({ isolation: 'chroot' })
  const pid = join(world.dir, 'proc/4242')
  const root = join(world.dir, 'chroots/.generations/foo/1')
  const mountinfo = join(world.dir, 'proc/self/mountinfo')
  world.machine.onUnmount = () => writeFileSync(mountinfo, '')
  const child = await world.deployed('foo')
  expect(world.supervisor.get('foo').isolation).toBe('chroot')
  mkdirSync(pid)
  symlinkSync(root, join(pid, 'root'))
  writeFileSync(mountinfo, `1 2 0:5 / ${root}/proc rw - proc proc rw\n`)
  child.exit(0)
  expect(state('foo')).toBe('running') // Something of it is still there.
  expect(world.machine.signals).toContain('4242 SIGKILL')
  world.clock.advance(1000)
  expect(world.machine.alive('spawn')).toEqual([])
  rmSync(pid, { recursive: true })
  world.clock.advance(20)
  expect(state('foo')).toBe('backing-off')
  expect(world.machine.unmounted).toEqual([`${root}/proc`])
})

test('stopAll asks all at once, kills after the grace period, and starts nothing any more', async () => {
  const foo = await world.deployed('foo')
  const bar = await world.deployed('bar')
  const stubborn = foo
  world.machine.onSignal = (child, signal) => {
    if (child !== stubborn || signal === 'SIGKILL') queueMicrotask(() => child.exit(0))
  }
  const pushed = world.push('new')
  const unpacker = await world.child('unpack')
  const done = world.supervisor.stopAll()
  expect(world.machine.signals.slice(0, 3)).toEqual([
    `${foo.pid} SIGTERM`,
    `${bar.pid} SIGTERM`,
    `${unpacker.pid} SIGKILL`,
  ])
  await expect(world.supervisor.restart('bar')).rejects.toMatchObject({ code: 'shutting-down' })
  expect(await pushed.outcome).toMatchObject({ code: 'shutting-down' })
  world.clock.advance(10_000)
  await done
  expect(world.machine.signals.at(-1)).toBe(`${foo.pid} SIGKILL`)
  expect(world.machine.children.filter((child) => child.alive)).toEqual([])
  world.clock.advance(100_000)
  expect(world.machine.alive('spawn')).toEqual([])
})

test('stopAll gives up on what does not even die, after a bounded time', async () => {
  await world.deployed('foo')
  world.machine.onSignal = () => undefined
  const done = world.supervisor.stopAll()
  world.clock.advance(15_000)
  await done
})

test('after a shutdown the apps are still wanted', async () => {
  await world.deployed('foo')
  await world.supervisor.stopAll()
  world.boot().start()
  expect(state('foo')).toBe('starting')
})

test('a bug in one app ends that app, and no other', async () => {
  const foo = await world.deployed('foo')
  await world.deployed('bar')
  world.supervisor.follow('foo', () => {
    throw new Error('BUG: follower')
  })
  foo.say(1, 'line\n')
  await world.until(() => state('foo') === 'stopped')
  expect(world.supervisor.get('foo')).toMatchObject({ error: 'BUG: follower', pid: null })
  expect([foo.alive, state('bar')]).toEqual([false, 'running'])
  await world.supervisor.remove('foo')
  await world.deployed('foo')
})

test('new name servers reach every running app, and one that was just starting', async () => {
  const written = ({ argv }: FakeChild): boolean =>
    argv.some((word) => word.includes('resolv.conf'))
  const refreshes = (): number => world.machine.children.filter(written).length
  const foo = await world.deployed('foo')
  await world.deployed('bar')
  foo.exit(0)
  world.clock.advance(100)
  world.supervisor.refreshResolvConf('nameserver 192.0.2.1\n')
  expect(refreshes()).toBe(1)
  world.machine.children.find(written)?.exit(0)
  const starting = world.starting().find((child) => !written(child))
  starting?.say(3, 'R\n')
  expect(refreshes()).toBe(2)
  world.machine.children.findLast(written)?.exit(0)
  world.supervisor.refreshResolvConf('nameserver 192.0.2.1\n')
  expect([refreshes(), state('foo'), state('bar')]).toEqual([2, 'running', 'running'])
})

test('a life takes no descriptor along', async () => {
  const descriptors = (): number => readdirSync('/proc/self/fd').length
  let child = await world.deployed('foo')
  child.say(1, 'the log is open\n')
  const before = descriptors()
  for (let life = 0; life < 20; life++) {
    child.exit(0)
    world.clock.advance(30_000)
    child = await world.started()
  }
  expect(descriptors()).toBe(before)
})
