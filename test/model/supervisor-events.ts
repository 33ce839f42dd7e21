// What can happen in the model of the supervisor.
import { PassThrough } from 'node:stream'
import { seeded } from '../seeded.ts'
import { planDone, processEvent } from './child-events.ts'
import type { ModelApp } from './model-app.ts'
import type { ModelChild } from './model-child.ts'
import type { ModelEvent } from './sequence.ts'
import { catchUncaught } from './uncaught.ts'
import { APPS, SupervisorWorld, type Faults } from './supervisor-world.ts'

const fs = process.getBuiltinModule('node:fs')

type Act = (world: SupervisorWorld, app: ModelApp, salt: number) => void | Promise<void>

/** Everything is there within this once the world behaves: two stops of a minute, a start, a trial. */
const SETTLED_MS_MAX = 300_000
const TURNS_MAX = 5000

const HEX = 'a'.repeat(64)

function push(world: SupervisorWorld, app: ModelApp): void {
  const version = `v${++world.versions}`
  const { known } = app.operations
  const body = new PassThrough()
  body.write(version)
  const next = { current: version, previous: known?.current ?? null }
  const asked = world.machine.down ? null : world.supervisor
  if (asked === null) return
  if (!app.operations.pending.size) app.body = body
  world.asks(app, { kind: 'push', next }, () =>
    asked.deploy({ name: app.name, body, packedSha256: null, onProgress: () => undefined }),
  )
}

/** The unpacker has the whole image. Every second version is of the chroot tier. */
async function unpacked(world: SupervisorWorld, app: ModelApp): Promise<void> {
  const child = world.unpacker(app)
  const { body } = app
  if (child === undefined || child.stuck || body === null) return
  body.end()
  await world.settle()
  if (child.status !== null) return
  const pushed = [...app.operations.pending].find(({ kind }) => kind === 'push')
  const version = pushed?.next?.current ?? 'v0'
  fs.writeFileSync(`${child.root}/version`, version)
  const config = {
    ...{ Entrypoint: ['/app'], Cmd: [], Env: [], WorkingDir: '/', User: '0' },
    StopSignal: 'SIGTERM',
  }
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
  const isolation = Number(version.slice(1)) % 2 === 0 ? null : 'chroot'
  const manifest = { name: null, version, architecture, isolation, config }
  const done = { event: 'done', digest: HEX, packedSha256: HEX, bytes: 1, entries: 1, manifest }
  world.machine.say(child, 1, `${JSON.stringify(done)}\n`)
  world.machine.ends(child, 0)
}

function unpackFails(world: SupervisorWorld, app: ModelApp, salt: number): void {
  const child = world.unpacker(app)
  if (child === undefined || child.stuck) return
  if (salt % 2 === 0) app.body?.destroy()
  else world.machine.ends(child, salt % 4 === 1 ? 9 : 1 << 8)
}

function rollback(world: SupervisorWorld, app: ModelApp): void {
  const { known } = app.operations
  const swapped = known?.previous ? { current: known.previous, previous: known.current } : known
  const ask = (): Promise<unknown> => world.supervisor.rollback(app.name, () => undefined)
  world.asks(app, { kind: 'rollback', next: swapped }, ask)
}

const restart: Act = (world, app) => {
  const { known } = app.operations
  world.asks(app, { kind: 'restart', next: known }, () => world.supervisor.restart(app.name))
}
const remove: Act = (world, app) =>
  world.asks(app, { kind: 'remove', next: null }, () => world.supervisor.remove(app.name))

async function advance(world: SupervisorWorld, _: ModelApp, salt: number): Promise<void> {
  const unit = [10, 400, 3000, 12_000][salt % 4] ?? 0
  await world.advance(Math.floor((unit * ((salt >>> 8) % 1000)) / 250))
}

/** Of the app's main process. */
const main =
  (name: string): Act =>
  (world, app, salt) => {
    const child = world.main(app)
    if (child !== undefined) processEvent(name, world.machine, child, salt)
  }

/** What an operator does most: the new process starts, and stays up for the trial, or nearly so. */
async function goesWell(world: SupervisorWorld, app: ModelApp, salt: number): Promise<void> {
  await world.settle()
  const child = world.main(app)
  if (child !== undefined) planDone(world.machine, child)
  await world.settle()
  await world.advance(salt % 8 === 0 ? 4000 : 5000)
}

const ACTS: Readonly<Record<string, Act>> = {
  ...{ push, unpacked, 'unpack-fails': unpackFails, rollback, restart, remove, advance },
  ...{ 'plan-done': main('plan-done'), 'plan-fails': main('plan-fails'), exit: main('exit') },
  ...{ output: main('output'), fork: main('fork'), deaf: main('deaf'), stuck: main('stuck') },
  async deployed(world, app, salt) {
    push(world, app)
    await world.settle()
    await unpacked(world, app)
    await goesWell(world, app, salt)
  },
  async restarted(world, app, salt) {
    await restart(world, app, salt)
    await goesWell(world, app, salt)
  },
  async 'rolled-back'(world, app, salt) {
    rollback(world, app)
    await goesWell(world, app, salt)
  },
  'stuck-unpacker': (world, app) => void Object.assign(world.unpacker(app) ?? {}, { stuck: true }),
  unstick(world) {
    for (const child of world.machine.children.values()) world.machine.unstick(child)
  },
  'name-servers': (world, _, salt) =>
    world.machine.act(() => world.supervisor.refreshResolvConf(`${salt % 3}`)),
  'helper-ends'(world, _, salt) {
    for (const child of world.machine.alive('refresh', '')) helperEnds(world, child, salt)
  },
  shutdown: (world) => world.shutsDown(),
  'power-cut': (world) => world.boots(),
  'no-spawn': (world, _, salt) => void (world.machine.spawnsFailing = 1 + (salt % 3)),
  'no-descriptor': (world, _, salt) => void (world.machine.descriptors.failing = 1 + (salt % 3)),
  'no-place': (world) => void (world.machine.claimsFailing = 1),
  death: (world, _, salt) => world.dies(salt),
  'death-soon': (world, _, salt) => world.diesSoon(salt),
  life: (world) => world.lives(),
  'loader-reaps'(world) {
    if (world.machine.down) world.machine.loaderReaps()
  },
}

function helperEnds({ machine }: SupervisorWorld, child: ModelChild, salt: number): void {
  if (child.said === 'nothing') machine.closes(child, 3)
  if (!child.stuck) machine.ends(child, (salt % 2) << 8)
}

export const SUPERVISOR_KINDS: Readonly<Record<string, number>> = {
  ...{ deployed: 20, push: 5, unpacked: 8, 'unpack-fails': 2, 'stuck-unpacker': 1 },
  ...{ rollback: 3, 'rolled-back': 5, restart: 3, restarted: 3, remove: 3, advance: 9 },
  ...{ shutdown: 1, 'power-cut': 1 },
  ...{ 'plan-done': 10, 'plan-fails': 2, exit: 5, output: 2, fork: 3, deaf: 2, stuck: 1 },
  ...{ unstick: 2, 'name-servers': 2, 'helper-ends': 3 },
  ...{ 'no-spawn': 1, 'no-descriptor': 1, 'no-place': 1 },
  ...{ death: 3, 'death-soon': 8, life: 2, 'loader-reaps': 2 },
}

/** The rest are things that nobody can ask a dead PID 1 for. */
const WHILE_DOWN: readonly string[] = [
  ...['plan-done', 'plan-fails', 'exit', 'output', 'fork', 'unstick', 'advance', 'helper-ends'],
  ...['life', 'loader-reaps', 'death-soon', 'power-cut'],
]

/** What is wrong after some event, or at the end, or null. */
export async function runSupervisor(
  events: readonly ModelEvent[],
  faults: Faults = {},
): Promise<string | null> {
  const world = new SupervisorWorld(faults)
  const release = catchUncaught((error) => {
    world.machine.violated(`nobody catches ${String(error)}`)
  })
  try {
    await world.settle()
    for (const event of events) {
      const violation = await happens(world, event)
      if (violation !== null) return violation
    }
    return await ends(world)
  } finally {
    world.close()
    await world.settle()
    release()
  }
}

async function happens(world: SupervisorWorld, event: ModelEvent): Promise<string | null> {
  const { kind, salt } = event
  const app = world.apps[event.app % APPS]
  const act = ACTS[kind]
  if (app === undefined || act === undefined) throw new Error(`BUG: no event ${kind}`)
  world.random = seeded(salt)
  if (world.machine.down && !WHILE_DOWN.includes(kind)) await world.lives()
  await act(world, app, salt)
  if (salt % 4 !== 0) await world.settle()
  return world.check()
}

/** The world behaves from now on: what was promised comes to be, and then everything is removed. */
async function ends(world: SupervisorWorld): Promise<string | null> {
  await world.lives()
  const there = await comesToBe(world, ({ name, operations }) => {
    if (operations.pending.size > 0) return false
    const status = world.supervisor.list().find((one) => one.name === name)
    return (status?.state ?? null) === (operations.known === null ? null : 'running')
  })
  if (there !== null) return there
  for (const app of world.apps) await remove(world, app, 0)
  const gone = await comesToBe(world, ({ operations }) => operations.pending.size === 0)
  if (gone !== null) return gone
  // What could not be deleted below a stuck process, the next life deletes.
  world.dies(1)
  await world.lives()
  const over = await comesToBe(world, () => world.left() === null)
  return over === null ? null : (world.machine.violation ?? world.left() ?? over)
}

async function comesToBe(
  world: SupervisorWorld,
  done: (app: ModelApp) => boolean,
): Promise<string | null> {
  const endMs = world.machine.clock.nowMs + SETTLED_MS_MAX
  for (let turns = 0; turns < TURNS_MAX; turns++) {
    await behave(world)
    const violation = world.check()
    if (violation !== null) return violation
    if (!world.machine.down && world.apps.every(done)) return null
    if (!(await world.turn(endMs))) break
  }
  const states = world.apps.map(({ name, operations }) => {
    const status = world.supervisor.list().find((one) => one.name === name)
    const pending = [...operations.pending].map(({ kind }) => kind).join()
    return `${name} ${status?.state ?? 'not there'} ${pending}`
  })
  return world.check() ?? `after ${SETTLED_MS_MAX} ms of a good world: ${states.join(', ')}`
}

async function behave(world: SupervisorWorld): Promise<void> {
  await world.settle()
  await world.lives()
  const { machine } = world
  machine.pidOne.dieAt(Infinity, false)
  Object.assign(machine, { spawnsFailing: 0, claimsFailing: 0 })
  machine.descriptors.failing = 0
  for (const child of machine.children.values()) {
    machine.unstick(child)
    if (child.role === 'app') planDone(machine, child)
    if (child.role === 'refresh' && child.status === null) helperEnds(world, child, 0)
  }
  for (const app of world.apps) await unpacked(world, app)
  await world.settle()
}
