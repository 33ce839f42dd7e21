// What the operator does while the tidying of a life waits for a process that does not end.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { FakeChild } from './fake-node.ts'
import { obedient, World } from './test-supervisor.ts'

let world: World
beforeEach(() => {
  world = new World()
  obedient(world.machine)
})
afterEach(() => world.end())

/** Of a push that the next death interrupts: it ignores its signal. */
async function stuckUnpacker(): Promise<FakeChild> {
  world.push('new')
  const unpacker = await world.child('unpack')
  const before = world.machine.onSignal
  world.machine.onSignal = (child, signal) => {
    if (child !== unpacker) before(child, signal)
  }
  return unpacker
}

/** Beside that unpacker. */
async function deployed(name: string): Promise<FakeChild> {
  const pushed = world.push(name)
  await world.until(() => world.machine.alive('unpack').length === 2)
  await world.unpack(pushed)
  const child = await world.started()
  await world.until(() => pushed.progress.some(({ event }) => event === 'started'))
  world.clock.advance(5000)
  expect(await pushed.outcome).toMatchObject({ name })
  return child
}

test('an app that was removed and pushed again keeps its generations', async () => {
  await world.deployed('foo')
  const pushed = world.push('foo')
  await world.unpack(pushed)
  await world.started()
  expect(world.generations('foo')).toEqual(['1', '2'])
  const unpacker = await stuckUnpacker()
  world.die().start()
  await world.started()
  await world.supervisor.remove('foo')
  await deployed('foo')
  const live = await deployed('foo')
  expect(live.argv.join()).toContain('/foo/4')
  unpacker.exit(9)
  await world.supervisor.tidied()
  expect(world.generations('foo')).toEqual(['3', '4'])
})

test('a redeployed app keeps its link', async () => {
  await world.deployed('foo')
  const unpacker = await stuckUnpacker()
  world.die().start()
  await deployed('foo')
  expect(world.link('foo')).toBe('.generations/foo/2')
  unpacker.exit(9)
  await world.supervisor.tidied()
  expect(world.link('foo')).toBe('.generations/foo/2')
})

test('a removed app gets no link back', async () => {
  await world.deployed('foo')
  const unpacker = await stuckUnpacker()
  world.die().start()
  await world.supervisor.remove('foo')
  unpacker.exit(9)
  await world.supervisor.tidied()
  expect(world.snapshot()).toEqual(['.generations', '.staging'])
})
