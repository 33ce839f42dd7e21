import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AppStatus, Progress } from '../../protocol/api.ts'
import { AppError } from './apps.ts'
import { obedient, PACKED, World, type Pushed } from './test-supervisor.ts'

let world: World
const descriptors = (): number => readdirSync('/proc/self/fd').length
let descriptorsBefore: number
beforeEach(() => {
  world = new World()
  obedient(world.machine)
  descriptorsBefore = descriptors()
})
afterEach(() => world.end())

const events = ({ progress }: Pushed): string[] => progress.map(({ event }) => event)
async function failure(pushed: { outcome: Promise<AppStatus | Error> }): Promise<AppError> {
  const outcome = await pushed.outcome
  expect(outcome).toBeInstanceOf(AppError)
  return outcome as AppError
}
const has = (pushed: Pushed, event: Progress['event']) => (): boolean =>
  pushed.progress.some((progress) => progress.event === event)

test('a first push: unpacked, started, up for 5 s, then it is there', async () => {
  const pushed = world.push('foo', PACKED)
  expect(world.supervisor.get('foo')).toMatchObject({ state: 'unpacking', deploying: true })
  await world.unpack(pushed)
  const child = await world.started()
  await world.until(has(pushed, 'started'))
  world.clock.advance(4_999)
  expect(world.supervisor.get('foo')).toMatchObject({ state: 'running', deploying: true })
  world.clock.advance(1)
  expect(await pushed.outcome).toMatchObject({
    name: 'foo',
    state: 'running',
    pid: child.pid,
    generation: 1,
    previousGeneration: null,
    version: '1',
    isolation: 'namespaces',
    management: false,
    deploying: false,
  })
  expect(events(pushed)).toEqual(['unpacking', 'unpacked', 'starting', 'started'])
  expect([world.generations('foo'), world.staging(), world.link('foo')]).toEqual([
    ['1'],
    [],
    '.generations/foo/1',
  ])
})

test('a redeploy stops the old one first and keeps it for a rollback', async () => {
  const first = await world.deployed('foo')
  const pushed = world.push('foo')
  await world.unpack(pushed)
  await world.until(() => !first.alive)
  expect(world.machine.signals).toEqual([`${first.pid} SIGTERM`])
  const second = await world.started()
  await world.until(has(pushed, 'started'))
  expect(world.machine.alive('spawn')).toEqual([second])
  world.clock.advance(5_000)
  expect(await pushed.outcome).toMatchObject({ generation: 2, previousGeneration: 1 })
  expect(events(pushed)).toEqual(['unpacking', 'unpacked', 'stopping', 'starting', 'started'])
  await world.deployed('foo')
  expect([world.generations('foo'), world.link('foo'), world.staging()]).toEqual([
    ['2', '3'],
    '.generations/foo/3',
    [],
  ])
})

test('a redeploy that does not stay up: the old one runs again, the error says why', async () => {
  await world.deployed('foo')
  const before = world.snapshot()
  const pushed = world.push('foo')
  await world.unpack(pushed)
  const child = await world.started()
  await world.until(has(pushed, 'started'))
  child.say(2, 'no database\n')
  world.clock.advance(1_500)
  child.exit(3 << 8)
  await world.started()
  const error = await failure(pushed)
  expect([error.code, error.message]).toEqual([
    'did-not-stay-up',
    'foo exited with status 3 after 1.5 s; it must stay up for 5 s. Generation 1 runs again.',
  ])
  expect(error.logs.map(({ line }) => line)).toEqual(['no database'])
  expect(events(pushed).slice(-2)).toEqual(['started', 'rolling-back'])
  expect(world.supervisor.get('foo')).toMatchObject({ state: 'running', generation: 1 })
  expect(world.snapshot()).toEqual(before)
})

test('a first push that does not stay up is removed completely', async () => {
  const before = world.snapshot()
  const pushed = world.push('foo')
  await world.unpack(pushed)
  const child = await world.started()
  child.say(1, 'bye')
  child.exit(9)
  const error = await failure(pushed)
  expect([error.code, error.logs.map(({ line }) => line)]).toEqual(['did-not-stay-up', ['bye']])
  expect(world.supervisor.list()).toEqual([])
  expect(world.snapshot().filter((name) => name !== '.generations/foo')).toEqual(before)
  expect(readdirSync(join(world.dir, 'logs'))).toEqual([])
  expect(descriptors()).toBe(descriptorsBefore)
  expect(world.clock.timers()).toBe(0)
})

test('a plan that fails names its step', async () => {
  const pushed = world.push('foo')
  await world.unpack(pushed)
  const child = await world.until(() => world.starting().at(-1))
  child.say(3, 'E 2 2\n')
  child.exit(127 << 8)
  const error = await failure(pushed)
  expect([error.code, error.message]).toEqual([
    'start-failed',
    'foo was not started: step 2 failed with 2',
  ])
  expect(world.supervisor.list()).toEqual([])
})

test.each<[string, string, (pushed: Pushed) => Promise<void>]>([
  [
    'a broken connection',
    'connection-lost',
    async ({ body }) => {
      body.write('half an ')
      await world.until(() => body.readableLength === 0)
      body.destroy()
    },
  ],
  [
    'a stalled connection, as http tells it',
    'push-stalled',
    ({ body }) => {
      body.destroy(new AppError('push-stalled', 'no byte'))
      return Promise.resolve()
    },
  ],
  [
    'a corrupt image',
    'image-corrupt',
    async () => {
      const child = await world.child('unpack')
      child.say(1, '{"event":"error","code":"image-corrupt","message":"not an image"}\n')
      child.exit(1 << 8)
    },
  ],
  [
    'a full disk',
    'disk-full',
    async () => {
      const child = await world.child('unpack')
      child.say(1, '{"event":"error","code":"disk-full","message":"full"}\n')
      child.exit(1 << 8)
    },
  ],
  [
    'a killed unpacker',
    'unpack-failed',
    async () => {
      const child = await world.child('unpack')
      child.exit(9)
    },
  ],
  [
    'an unpacker that ends well without a word',
    'unpack-failed',
    async () => {
      const child = await world.child('unpack')
      child.exit(0)
    },
  ],
  [
    'an unpacker that talks nonsense',
    'unpack-failed',
    async () => {
      const child = await world.child('unpack')
      child.say(1, '{"event":"done","digest":"../../x"}\n')
      child.exit(0)
    },
  ],
  [
    'a manifest that is none',
    'manifest-invalid',
    (pushed) => world.unpack(pushed, { config: { Entrypoint: [], Cmd: [] } }),
  ],
  [
    'an image of another architecture',
    'wrong-architecture',
    (pushed) =>
      world.unpack(pushed, { architecture: process.arch === 'arm64' ? 'amd64' : 'arm64' }),
  ],
])('%s: nothing has changed, nothing is left behind', async (_, code, happens) => {
  const running = await world.deployed('foo')
  const before = { files: world.snapshot(), status: world.supervisor.get('foo') }
  const open = descriptors()
  const pushed = world.push('foo')
  const unpacker = await world.child('unpack')
  writeFileSync(join(unpacker.argv[2] ?? '', 'half'), 'x')
  await happens(pushed)
  expect((await failure(pushed)).code).toBe(code)
  expect({ files: world.snapshot(), status: world.supervisor.get('foo') }).toEqual(before)
  expect([running.alive, unpacker.alive]).toEqual([true, false])
  await world.until(() => descriptors() === open)
  expect(world.clock.timers()).toBe(0)
  await world.deployed('foo') // And the next push is as any other.
})

test('a wrong digest', async () => {
  const pushed = world.push('foo', 'c'.repeat(64))
  await world.unpack(pushed)
  expect((await failure(pushed)).code).toBe('digest-mismatch')
  expect([world.supervisor.list(), world.staging()]).toEqual([[], []])
})

test('a node without the memory to unpack says so, and starts no unpacker', async () => {
  mkdirSync(join(world.dir, 'proc'), { recursive: true })
  const meminfo = join(world.dir, 'proc/meminfo')
  writeFileSync(meminfo, 'MemAvailable:   18456 kB\n')
  const { code, message } = await failure(world.push('foo'))
  expect(code).toBe('memory-low')
  expect(message).toContain('wants 32 MiB of memory and the node has 18 MiB')
  expect(world.supervisor.list()).toEqual([])
})

test('an unpacker that ends before it has read everything', async () => {
  const pushed = world.push('foo')
  const child = await world.child('unpack')
  pushed.body.write('image and more')
  const done = { event: 'done', digest: 'a'.repeat(64), packedSha256: PACKED, bytes: 1, entries: 1 }
  const manifest = { architecture: 'amd64', config: { Cmd: ['/app'] } }
  child.say(1, `${JSON.stringify({ ...done, manifest })}\n`)
  child.exit(0)
  expect((await failure(pushed)).code).toBe('image-corrupt')
  expect(pushed.body.destroyed).toBe(false) // The answer goes over it.
})

test('an unpacker that hangs is ended after five minutes', async () => {
  const pushed = world.push('foo')
  const child = await world.child('unpack')
  pushed.body.end('image')
  await world.until(() => pushed.body.readableEnded)
  world.clock.advance(300_000)
  expect((await failure(pushed)).message).toContain('no progress')
  expect(child.alive).toBe(false)
})

test('one unpack at a time: the other waits and says so; a third of the same app is refused', async () => {
  const first = world.push('foo')
  await world.child('unpack')
  const second = world.push('bar')
  const third = await failure(world.push('foo'))
  expect(third.code).toBe('push-in-progress')
  await world.until(has(second, 'waiting'))
  expect(world.machine.alive('unpack')).toHaveLength(1)
  await world.unpack(first)
  await world.started()
  await world.unpack(second)
  await world.until(() => world.machine.alive('spawn').length === 2)
})

test('who waits and loses the connection leaves the queue', async () => {
  const first = world.push('foo')
  const second = world.push('bar')
  await world.until(has(second, 'waiting'))
  second.body.destroy()
  expect((await failure(second)).code).toBe('connection-lost')
  const third = world.push('baz')
  await world.unpack(first)
  await world.unpack(third)
  await world.until(() => world.machine.alive('spawn').length === 2)
})

test('remove cancels a push, in its unpack and in its trial', async () => {
  const first = world.push('foo')
  const unpacker = await world.child('unpack')
  await world.supervisor.remove('foo')
  expect((await failure(first)).code).toBe('cancelled')
  expect([unpacker.alive, world.staging(), world.supervisor.list()]).toEqual([false, [], []])
  const second = world.push('foo')
  await world.unpack(second)
  await world.started()
  await world.until(has(second, 'started'))
  await world.supervisor.remove('foo')
  expect((await failure(second)).code).toBe('cancelled')
  expect([world.machine.alive('spawn'), world.generations('foo')]).toEqual([[], []])
})

test('remove stops the app and deletes everything of it', async () => {
  const before = world.snapshot()
  const child = await world.deployed('foo')
  child.say(1, 'line\n')
  const both = await Promise.all([world.supervisor.remove('foo'), world.supervisor.remove('foo')])
  expect(both).toHaveLength(2)
  expect(world.snapshot()).toEqual(before)
  expect(readdirSync(join(world.dir, 'logs'))).toEqual([])
  expect(() => world.supervisor.get('foo')).toThrow(AppError)
  await expect(world.supervisor.remove('foo')).rejects.toMatchObject({ code: 'no-such-app' })
  expect(descriptors()).toBe(descriptorsBefore)
})

test('rollback swaps the two generations, with the same trial', async () => {
  await world.deployed('foo')
  await expect(world.supervisor.rollback('foo', () => undefined)).rejects.toMatchObject({
    code: 'no-previous-generation',
  })
  await world.deployed('foo')
  const back = async (): Promise<AppStatus> => {
    const progress: Progress[] = []
    const done = world.supervisor.rollback('foo', (event) => progress.push(event))
    await world.until(() => progress.some(({ event }) => event === 'starting'))
    await world.started()
    await world.until(() => progress.some(({ event }) => event === 'started'))
    world.clock.advance(5_000)
    return done
  }
  expect(await back()).toMatchObject({ generation: 1, previousGeneration: 2 })
  expect(world.link('foo')).toBe('.generations/foo/1')
  expect(await back()).toMatchObject({ generation: 2, previousGeneration: 1 })
  expect(world.generations('foo')).toEqual(['1', '2'])
})

test('a rollback that fails: what ran runs again, and both generations stay', async () => {
  await world.deployed('foo')
  const current = await world.deployed('foo')
  const outcome = world.supervisor
    .rollback('foo', () => undefined)
    .catch((error: unknown) => error as Error)
  const old = await world.until(() => world.starting().at(-1))
  expect(current.alive).toBe(false)
  old.say(3, 'E 1 8\n')
  old.exit(127 << 8)
  await world.started()
  expect((await failure({ outcome })).code).toBe('start-failed')
  expect(world.supervisor.get('foo')).toMatchObject({
    state: 'running',
    generation: 2,
    previousGeneration: 1,
  })
  expect(world.generations('foo')).toEqual(['1', '2'])
})

test('a database that takes no commit fails the push, and the old one runs again', async () => {
  await world.deployed('foo')
  const pushed = world.push('foo')
  await world.unpack(pushed)
  await world.started()
  await world.until(has(pushed, 'started'))
  const full = Object.assign(new Error('database or disk is full'), { errcode: 13 })
  world.state.putApp = () => {
    throw full
  }
  world.clock.advance(5_000)
  await world.until(has(pushed, 'rolling-back'))
  await world.started()
  expect((await failure(pushed)).code).toBe('disk-full')
  expect(world.supervisor.get('foo')).toMatchObject({ state: 'running', generation: 1 })
})

test('restart: another process, resolved once it runs; other operations meanwhile are refused', async () => {
  const before = await world.deployed('foo')
  const done = world.supervisor.restart('foo')
  await expect(world.supervisor.restart('foo')).rejects.toMatchObject({ code: 'busy' })
  await world.until(() => !before.alive)
  const child = await world.started()
  expect(await done).toMatchObject({ state: 'running', pid: child.pid, restarts: 0 })
})

test('a generation in which something is mounted is not deleted', async () => {
  await world.deployed('foo')
  const root = join(world.dir, 'chroots/.generations/foo')
  writeFileSync(
    join(world.dir, 'proc/self/mountinfo'),
    `1 2 0:5 / ${root}/1/dev rw - devtmpfs x rw\n`,
  )
  await expect(world.supervisor.remove('foo')).rejects.toThrow('still mounted')
  expect(existsSync(join(root, '1/app'))).toBe(true)
  writeFileSync(join(world.dir, 'proc/self/mountinfo'), '')
  await world.supervisor.remove('foo')
  expect(world.generations('foo')).toEqual([])
})

test('what is in the place of the link is left alone', async () => {
  mkdirSync(join(world.dir, 'chroots/foo'))
  await world.deployed('foo')
  expect(world.supervisor.get('foo').state).toBe('running')
  expect(world.log.lines.some((line) => line.includes('could not be tidied up'))).toBe(true)
  await world.supervisor.remove('foo')
  expect(existsSync(join(world.dir, 'chroots/foo'))).toBe(true)
})
