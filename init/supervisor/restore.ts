// What a life of PID 1 finds when it begins: the apps to run, and what the life before left half done.
import { isAppName } from '../../protocol/app-name.ts'
import type { Manifest } from '../../protocol/image.ts'
import type { Generation, OpenedState, State } from '../state/state.ts'
import type { Generations } from './generations.ts'
import type { Log } from './log.ts'

export interface Found {
  name: string
  current: Generation
  previous: Generation | null
}

export interface Restored {
  apps: Found[]
  /** Whether this is all: a life that had to rebuild it deletes nothing. */
  complete: boolean
  /** Deletes what nobody refers to; for after the start of the apps. Never rejects. */
  tidy: () => Promise<void>
}

/**
 * Decides before anything new can appear what is to be deleted: only numbers that exist now, and no number
 * is ever used twice. Never throws: with a disk that can't be read the node is there, if without apps.
 */
export function restore(opened: OpenedState, generations: Generations, log: Log): Restored {
  for (const problem of opened.problems) log.error({}, problem)
  const { apps, complete, garbage } = find(opened, generations, log)
  const still = (): Found[] => unchanged(opened.state, apps)
  return { apps, complete, tidy: () => tidy(generations, log, still, garbage) }
}

interface Findings {
  apps: Found[]
  complete: boolean
  garbage: [string, number][]
}

function find({ state, created }: OpenedState, generations: Generations, log: Log): Findings {
  const apps = created ? null : knownApps(state, log)
  try {
    const found = generations.found()
    // A life that had to rebuild deletes nothing: what it could not make use of is there to be looked at.
    if (apps === null)
      return { apps: rebuild(state, found, generations, log), complete: false, garbage: [] }
    return { apps, complete: true, garbage: unknownOf(apps, found) }
  } catch (error) {
    log.error({ err: error }, 'what this disk holds is not fully known; nothing is deleted')
    return { apps: apps ?? [], complete: false, garbage: [] }
  }
}

/** null when the database does not tell: an app that runs must not end for that. */
function knownApps(state: State, log: Log): Found[] | null {
  try {
    return state.apps()
  } catch (error) {
    log.error({ err: error }, 'the state database can no longer be read')
    return null
  }
}

/** The apps of /chroots, which a new database is filled with; on the first boot there are none. */
function rebuild(
  state: State,
  found: ReadonlyMap<string, readonly number[]>,
  generations: Generations,
  log: Log,
): Found[] {
  const apps = [...found].flatMap(([app, numbers]) => {
    if (!isAppName(app) || numbers.length === 0) return []
    const readable = numbers.flatMap((number) => generations.describe(app, number) ?? [])
    const rebuilt = choose(app, readable, generations.linked(app))
    if (rebuilt === null) log.error({ app }, 'nothing tells how to run this app; push it again')
    else log.warn({ app, generation: rebuilt.current.number }, 'taken from /chroots')
    return rebuilt ?? []
  })
  try {
    state.fill(apps)
  } catch (error) {
    log.error({ err: error }, 'the state database could not be rebuilt; the next start tries again')
  }
  return apps
}

/**
 * What /chroots/<app> shows was running; without that, the newest. `previous` is the one below it, or after
 * a rollback the one above. null when there is nothing to run.
 */
function choose(
  name: string,
  readable: readonly Generation[],
  linked: number | null,
): Found | null {
  const sorted = readable.toSorted((one, other) => one.number - other.number)
  const current = sorted.find(({ number }) => number === linked) ?? sorted.at(-1)
  if (current === undefined) return null
  const below = sorted.findLast(({ number }) => number < current.number)
  const above = sorted.find(({ number }) => number > current.number)
  return { name, current, previous: below ?? above ?? null }
}

/** Pushes that were never acknowledged, and what was being deleted. */
function unknownOf(
  apps: readonly Found[],
  found: ReadonlyMap<string, readonly number[]>,
): [string, number][] {
  const known = new Map(apps.map((app) => [app.name, app]))
  return [...found].flatMap(([name, numbers]) => {
    const app = known.get(name)
    const kept = [app?.current.number, app?.previous?.number]
    return numbers
      .filter((number) => !kept.includes(number))
      .map((number): [string, number] => [name, number])
  })
}

/** What was pushed, rolled back or removed since this life began is in order by itself. */
function unchanged(state: State, apps: readonly Found[]): Found[] {
  const now = new Map(state.apps().map(({ name, current }) => [name, current.number]))
  return apps.filter(({ name, current }) => now.get(name) === current.number)
}

async function tidy(
  generations: Generations,
  log: Log,
  still: () => readonly Found[],
  garbage: readonly [string, number][],
): Promise<void> {
  const quietly = async (what: string, work: () => Promise<void> | void): Promise<void> => {
    try {
      await work()
    } catch (error) {
      log.error({ err: error, what }, 'something from before could not be tidied up')
    }
  }
  let apps: readonly Found[] = []
  await quietly('links', () => void (apps = still()))
  for (const { name, current, previous } of apps) {
    if (generations.linked(name) !== current.number)
      await quietly(`the link of ${name}`, () => generations.link(name, current.number))
    for (const generation of previous === null ? [current] : [current, previous])
      await quietly(`${name} ${generation.number}`, () => generations.record(name, generation))
  }
  await quietly('what was left half done', () => generations.cleanLeftovers())
  for (const [name, number] of garbage)
    await quietly(`${name} ${number}`, async () => {
      if (generations.linked(name) === number) generations.unlink(name)
      await generations.discard(name, number)
    })
}

/** The manifest was checked before it was stored, maybe by a version that knew less. */
export const storedManifest = ({ manifest }: Generation): Manifest => ({
  ...{ management: false },
  ...(JSON.parse(manifest) as Omit<Manifest, 'management'>),
})
