// What a life of PID 1 finds when it begins: the apps to run, and what the life before left half done.
import type { Manifest } from '../../protocol/image.ts'
import type { Generation, OpenedState } from '../state/state.ts'
import type { Generations } from './generations.ts'
import type { Log } from './log.ts'

export interface Found {
  name: string
  current: Generation
  previous: Generation | null
}

/** Set while /chroots may hold apps that a lost database knew; they are kept for its rebuild. */
const KEEP_UNKNOWN = 'keep-unknown-generations'

export interface Restored {
  apps: Found[]
  /** Deletes what nobody refers to; for after the start of the apps. Never rejects. */
  tidy: () => Promise<void>
}

/**
 * Decides before anything new can appear what is to be deleted: only numbers that exist now, and no number
 * is ever used twice.
 */
export function restore(
  { state, created, corrupt }: OpenedState,
  generations: Generations,
  log: Log,
): Restored {
  const apps = state.apps()
  const found = generations.found()
  if (corrupt !== null)
    log.error({ aside: corrupt }, 'the state database was damaged; an empty one takes its place')
  if (created && found.size > 0) state.putSetting(KEEP_UNKNOWN, 'yes')
  const keepUnknown = state.setting(KEEP_UNKNOWN) !== null
  if (keepUnknown)
    log.warn({}, 'the state database was lost: what /chroots holds of unknown apps is kept')
  const known = new Map(apps.map((app) => [app.name, app]))
  const garbage: [string, number][] = []
  for (const [name, numbers] of found) {
    const app = known.get(name)
    if (app === undefined && keepUnknown) continue
    const kept = [app?.current.number, app?.previous?.number]
    for (const number of numbers) if (!kept.includes(number)) garbage.push([name, number])
    if (app === undefined) generations.unlink(name)
  }
  return { apps, tidy: () => tidy(generations, log, apps, garbage) }
}

async function tidy(
  generations: Generations,
  log: Log,
  apps: readonly Found[],
  garbage: readonly [string, number][],
): Promise<void> {
  const quietly = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      log.error({ err: error, what }, 'something from before could not be tidied up')
    }
  }
  for (const { name, current } of apps)
    if (generations.linked(name) !== current.number)
      await quietly(`the link of ${name}`, () => generations.link(name, current.number))
  await quietly('staging', () => generations.cleanStaging())
  for (const [name, number] of garbage)
    await quietly(`${name} ${number}`, () => generations.discard(name, number))
}

/** The manifest was checked before it was stored. */
export const storedManifest = ({ manifest }: Generation): Manifest =>
  JSON.parse(manifest) as Manifest
