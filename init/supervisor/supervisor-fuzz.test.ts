// Random stories of one app: whatever the operator, the app, the unpacker and the clock do, and in whatever order.
import { expect, test } from 'vitest'
import { AppError } from './apps.ts'
import { obedient, World, type Pushed } from './test-supervisor.ts'

const STORIES = 10
const STEPS = 150

/** mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Lets the disk go on for up to 4 ms: sometimes it is done before the next move, sometimes not. */
async function someTurns(random: () => number): Promise<void> {
  const endMs = performance.now() + random() * 4
  do await new Promise((next) => setImmediate(next))
  while (performance.now() < endMs)
}

/** Returns how many times the app came to run. */
async function story(seed: number): Promise<number> {
  const random = randomFrom(seed)
  const world = new World({ random })
  const { machine, clock, supervisor } = world
  const told: string[] = []
  let twins = 0
  const outcomes: Promise<unknown>[] = []
  const pushes = new Set<Pushed>()
  const live = (): number => machine.alive('spawn').length
  obedient(machine)
  machine.onSpawn = (child) => {
    // The heart of it: nothing of the app may be alive when another process of it is born. Counted here
    // and judged at the end, for the supervisor survives what is thrown at it.
    if (child.argv[1] === 'spawn' && live() !== 1) twins++
  }
  const run = (name: string, operation: Promise<unknown>): void => {
    outcomes.push(operation.catch((error: unknown) => error))
    told.push(name)
  }
  const anyOf = (role: string): ReturnType<World['machine']['alive']>[0] | undefined =>
    machine.alive(role).at(-1)
  const push = (): void => {
    const next = world.push('foo')
    pushes.add(next)
    run(
      'push',
      next.outcome.finally(() => pushes.delete(next)),
    )
  }
  const seldom = (move: () => void) => (): void => {
    if (random() < 0.3) move()
  }
  /** With how often each is tried: the ways to a running app are long, and the ways off it short. */
  const moves: [number, () => void][] = [
    [4, push],
    [5, () => pushes.forEach(({ body }) => body.writableEnded || body.end('image'))],
    [
      5,
      () => {
        const child = anyOf('unpack')
        const complete = [...pushes].some(({ body }) => body.readableEnded)
        if (child !== undefined && (complete || random() < 0.1)) world.report(child)
      },
    ],
    [1, seldom(() => pushes.forEach(({ body }) => body.destroy()))],
    [1, seldom(() => anyOf('unpack')?.exit(9))],
    [10, () => anyOf('spawn')?.say(3, 'R\n')],
    [1, () => anyOf('spawn')?.say(3, 'E 1 2\n')],
    [2, () => anyOf('spawn')?.exit(1 << 8)],
    [3, () => clock.advance(Math.floor(random() * 300))],
    [6, () => clock.advance(Math.floor(random() * 12_000))],
    [1, seldom(() => run('remove', supervisor.remove('foo')))],
    [2, seldom(() => run('restart', supervisor.restart('foo')))],
    [
      2,
      seldom(() =>
        run(
          'rollback',
          supervisor.rollback('foo', () => undefined),
        ),
      ),
    ],
    [1, seldom(() => (machine.spawnError = -11))],
    [3, () => (machine.spawnError = 0)],
  ]
  const weighted = moves.flatMap(([weight, move]) => Array.from({ length: weight }, () => move))
  try {
    for (let count = 0; count < STEPS; count++) {
      weighted[Math.floor(random() * weighted.length)]?.()
      await someTurns(random)
    }
    machine.spawnError = 0
    const end = supervisor.stopAll()
    await world.until(() => {
      clock.advance(1000)
      return live() === 0
    })
    await end
    const spawned = machine.children.length
    clock.advance(100_000)
    expect(machine.children.length, 'a spawn after the end').toBe(spawned)
    for (const outcome of await Promise.all(outcomes))
      if (outcome instanceof Error) expect(outcome, told.join(', ')).toBeInstanceOf(AppError)
    expect(twins, told.join(', ')).toBe(0)
    expect(world.log.lines.filter((line) => line.includes('BUG'))).toEqual([])
    expect(machine.alive('unpack')).toEqual([])
    return world.log.lines.filter((line) => line.endsWith('is running')).length
  } finally {
    world.end()
  }
}

test('never two lives of one app, no life after the end, no error that is not an operating one', async () => {
  const first = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
  let lives = 0
  for (let seed = first; seed < first + STORIES; seed++) {
    try {
      lives += await story(seed)
    } catch (error) {
      throw new Error(`SEED=${seed} tells this story again`, { cause: error })
    }
  }
  expect(lives).toBeGreaterThan(STORIES) // Or the stories tell nothing.
}, 60_000)
