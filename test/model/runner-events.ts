// What can happen in the model of the runners.
import { seeded } from '../seeded.ts'
import { processEvent } from './child-events.ts'
import { APPS, RunnerWorld, type Faults, type ModelApp } from './runner-world.ts'
import type { ModelEvent } from './sequence.ts'

/** How an event goes; `salt` decides the rest. */
type Act = (world: RunnerWorld, app: ModelApp, salt: number) => void

/** Of the app's main process, when there is one. */
const main =
  (name: string): Act =>
  (world, app, salt) => {
    const child = world.main(app)
    if (child !== undefined) processEvent(name, world.machine, child, salt)
  }

const advance: Act = (world, _, salt) => {
  const [unit = 0] = [[10, 400, 3000, 12_000][salt % 4]]
  world.advance(Math.floor((unit * ((salt >>> 8) % 1000)) / 250))
}

const ACTS: Readonly<Record<string, Act>> = {
  start: (world, app) => {
    if (app.runner === null) {
      world.open(app)
      world.load(app, 1)
      app.disk = 1
    }
    world.send(app, 'start')
  },
  stop: (world, app) => world.send(app, 'stop'),
  abort: (world, app) => world.send(app, 'abort'),
  // Stops one generation and starts another, which the disk knows of, or not yet.
  replace(world, app, salt) {
    if (app.removing || world.machine.down) return
    world.open(app)
    world.send(app, 'stop')
    world.load(app, (app.loaded ?? 0) + 1 + (salt % 2))
    if ((salt & 4) !== 0) world.commit(app)
    if ((salt & 24) !== 0) world.send(app, 'start')
  },
  commit: (world, app) => world.commit(app),
  remove: (world, app) => world.remove(app),
  advance,
  ...{ 'plan-done': main('plan-done'), 'plan-fails': main('plan-fails'), exit: main('exit') },
  ...{ output: main('output'), fork: main('fork'), deaf: main('deaf'), stuck: main('stuck') },
  unstick(world, app) {
    for (const child of world.machine.ofApp(app.name)) world.machine.unstick(child)
  },
  // Often enough that the wait is the longest.
  'no-spawn'(world, _, salt) {
    world.machine.spawnsFailing = (salt & 0x300) === 0 ? 12 : 1 + (salt % 3)
  },
  'no-descriptor': (world, _, salt) => void (world.machine.descriptors.failing = 1 + (salt % 3)),
  'no-place': (world, _, salt) => void (world.machine.claimsFailing = 1 + (salt % 3)),
  death: (world, _, salt) => world.dies(salt),
  'death-soon': (world, _, salt) => world.diesSoon(salt),
  life: (world) => world.lives(),
  'loader-reaps': (world) => {
    if (world.machine.down) world.machine.loaderReaps()
  },
}

/** The rest are things that nobody can ask a dead PID 1 for. */
const WHILE_DOWN: readonly string[] = [
  ...['plan-done', 'plan-fails', 'exit', 'output', 'fork', 'unstick', 'advance'],
  ...['life', 'loader-reaps', 'death-soon'],
]

export const RUNNER_KINDS: Readonly<Record<string, number>> = {
  ...{ start: 8, stop: 5, abort: 2, replace: 5, commit: 2, remove: 4, advance: 14 },
  ...{ 'plan-done': 14, 'plan-fails': 3, exit: 9, output: 2, fork: 4 },
  ...{ deaf: 2, stuck: 2, unstick: 2 },
  ...{ 'no-spawn': 2, 'no-descriptor': 2, 'no-place': 1 },
  ...{ death: 4, 'death-soon': 7, life: 2, 'loader-reaps': 2 },
}

/** What is wrong after some event, or at the end, or null. */
export function runRunners(events: readonly ModelEvent[], faults: Faults = {}): string | null {
  const world = new RunnerWorld(faults)
  for (const event of events) {
    const violation = happens(world, event)
    if (violation !== null) return violation
  }
  return world.ends()
}

function happens(world: RunnerWorld, { kind, app, salt }: ModelEvent): string | null {
  const target = world.apps[app % APPS]
  const act = ACTS[kind]
  if (target === undefined || act === undefined) throw new Error(`BUG: no event ${kind}`)
  const how = { random: seeded(salt), settled: salt % 4 !== 0 }
  return world.happens(() => {
    if (world.machine.down && !WHILE_DOWN.includes(kind)) world.lives()
    act(world, target, salt)
  }, how)
}
