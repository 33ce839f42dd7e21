// The beginning of a life of PID 1: what the life before ran goes on, what else is to run is started, and what
// neither is ends. Then what was left half done is tidied up.
import type { Isolation } from '../../protocol/api.ts'
import type { Life } from '../../sys/life.ts'
import type { Logs } from '../logs/app-log.ts'
import type { Generation } from '../state/state.ts'
import type { State } from './app.ts'
import type { Clock } from './clock.ts'
import { imageOf } from './deploy.ts'
import type { Generations } from './generations.ts'
import { closeUnowned, inherit, leftBehind, type LeftBehind } from './inherit.ts'
import type { Log } from './log.ts'
import type { Reaper } from './reaper.ts'
import { storedManifest, type Found, type Restored } from './restore.ts'
import type { Installed, Slot } from './slot.ts'
import { STOPPED_MS_MAX } from './trial.ts'

const STARTS_A_TURN = 8

export interface Beginning {
  life: Life
  reaper: Reaper
  clock: Clock
  log: Log
  isolation: Isolation
  generations: Generations
  restored: Restored
  logs: Logs
  slots: ReadonlyMap<string, Slot>
  addSlot: (name: string, initial: State) => Slot
  /** Nothing is to be started any more. */
  isOver: () => boolean
  /** Forgets an app of which nothing is left. */
  drop: (slot: Slot) => void
}

/** Resolves when all is tidied up. Never rejects. */
export function beginLife(tools: Beginning): Promise<void> {
  const { life, reaper, restored, logs, slots, addSlot } = tools
  const left = leftBehind(life)
  closeUnowned(life, left)
  const fresh: Slot[] = []
  const gone = restored.apps.map((app) => begin(tools, app, left, fresh))
  const known = new Set(restored.apps.map(({ name }) => name))
  const unknown = [...left.apps.keys()].filter((name) => !known.has(name))
  const ended = unknown.map((name) => end(tools, addSlot(name, { name: 'stopped' }), left))
  const places = new Map([...left.apps].map(([name, { place }]) => [place, slots.get(name)]))
  logs.recover((place) => places.get(place)?.log)
  const helpers = left.others.map((place) => reaper.end(place))
  reaper.reap() // Ends that the life before has seen.
  startInTurns(tools, fresh)
  return tidyAfter(tools, Promise.all([...gone, ...ended, ...helpers])).then(() =>
    forgetAll(tools, unknown),
  )
}

function forgetAll(tools: Beginning, unknown: readonly string[]): void {
  const { log, logs, slots, restored } = tools
  try {
    for (const name of unknown) forget(tools, name)
    // By now pushes may be under way too: whoever has a slot has a log.
    if (restored.complete) logs.keepOnly(new Set(slots.keys()))
  } catch (error) {
    log.error({ err: error }, 'something of apps that are gone stays until the next start')
  }
}

/** Resolves when no process of another generation is left of the life before. */
async function begin(
  { generations, isolation, addSlot }: Beginning,
  { name, current, previous }: Found,
  left: LeftBehind,
  fresh: Slot[],
): Promise<void> {
  const install = (generation: Generation): Installed => ({
    ...generation,
    image: imageOf(generations, isolation, name, generation.number, storedManifest(generation)),
  })
  const slot = addSlot(name, { name: 'stopped' })
  const { runner } = slot
  runner.guard(() => {
    slot.current = install(current)
    slot.previous = previous && install(previous)
    runner.load(slot.current.image)
  })
  const mine = left.apps.get(name)
  let gone = Promise.resolve()
  runner.guard(() => {
    if (mine !== undefined) gone = inherit(slot, mine, (number) => generations.root(name, number))
    else if (slot.current !== null) fresh.push(slot)
  })
  await gone
}

/** A few at a time: a start takes a child, and to the watchdog a thousand of them are a hang. */
function startInTurns(tools: Beginning, waiting: Slot[]): void {
  const { clock, slots, isOver } = tools
  for (const slot of waiting.splice(0, STARTS_A_TURN)) {
    // What somebody has begun with it meanwhile comes first.
    const untouched = slot.operation === null && slot.removing === null
    if (!isOver() && untouched && slots.get(slot.name) === slot) slot.runner.send('start')
  }
  if (waiting.length > 0) clock.after(0, () => startInTurns(tools, waiting))
}

/** What was being pushed for the first time, or removed. */
async function end({ generations }: Beginning, slot: Slot, left: LeftBehind): Promise<void> {
  const { name, runner } = slot
  const mine = left.apps.get(name)
  runner.guard(() => {
    if (mine !== undefined)
      slot.removing = inherit(slot, mine, (number) => generations.root(name, number))
  })
  await slot.removing
}

/** Of an app that is neither known nor has a generation nothing stays. */
function forget({ slots, generations, drop }: Beginning, name: string): void {
  const slot = slots.get(name)
  if (slot === undefined) return
  slot.removing = null
  if (slot.runner.state() !== 'stopped') return
  if ((generations.found().get(name) ?? []).length === 0) slot.log.remove()
  drop(slot)
}

/** Nothing is deleted below a process that may still be there. */
async function tidyAfter(
  { clock, log, restored }: Beginning,
  gone: Promise<unknown>,
): Promise<void> {
  const limit = Promise.withResolvers<'late'>()
  const disarm = clock.after(STOPPED_MS_MAX, () => limit.resolve('late'))
  const outcome = await Promise.race([gone, limit.promise])
  disarm()
  if (outcome !== 'late') return restored.tidy()
  log.error({}, 'processes of the life before do not end; what it left stays until the next start')
}
