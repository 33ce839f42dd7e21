// Random sequences of events, and the shortest that still fails.
import { pick, seeded } from '../seeded.ts'

export interface ModelEvent {
  kind: string
  app: number
  /** Everything else that chance decides in this event: it stays the same when others are left out. */
  salt: number
}

export interface Mix {
  /** Kinds of events with their weights. */
  kinds: Readonly<Record<string, number>>
  apps: number
  eventsMin: number
  eventsMax: number
}

export type Generate = (seed: number) => ModelEvent[]

export function generator({ kinds, apps, eventsMin, eventsMax }: Mix): Generate {
  const urn = Object.entries(kinds).flatMap(([kind, weight]) => Array<string>(weight).fill(kind))
  return (seed) => {
    const random = seeded(seed)
    const count = eventsMin + Math.floor(random() * (eventsMax - eventsMin + 1))
    return Array.from({ length: count }, () => ({
      kind: pick(urn, random),
      app: Math.floor(random() * apps),
      salt: Math.floor(random() * 2 ** 32),
    }))
  }
}

export interface Failure {
  seed: number
  violation: string
  events: ModelEvent[]
}

/** What is wrong after some event, or null. */
export type Run = (events: readonly ModelEvent[]) => string | null | Promise<string | null>

/** Numbers differ when events are left out. */
const kindOf = (violation: string): string => violation.replace(/\d+/g, '')

/** Leaves out whatever this failure does not need: halves first, then single events. */
async function shrink(events: ModelEvent[], violation: string, run: Run): Promise<ModelEvent[]> {
  let left = events
  const kind = kindOf(violation)
  for (let size = Math.ceil(left.length / 2); size >= 1;) {
    let shorter = false
    for (let at = 0; at < left.length; at += size) {
      const tried = left.toSpliced(at, size)
      const found = await run(tried)
      if (found === null || kindOf(found) !== kind) continue
      left = tried
      shorter = true
      at -= size
    }
    if (size === 1 && !shorter) break
    size = size === 1 ? 1 : Math.ceil(size / 2)
  }
  return left
}

/** Runs sequences one after another; the first failure, as short as it gets. */
export async function search(
  seed: number,
  sequences: number,
  generate: Generate,
  run: Run,
): Promise<Failure | null> {
  for (let index = 0; index < sequences; index++) {
    const own = (seed + index) % 2 ** 32
    const events = generate(own)
    let violation = run(events)
    if (violation instanceof Promise) violation = await violation
    if (violation === null) continue
    const shortest = await shrink(events, violation, run)
    return { seed: own, violation: (await run(shortest)) ?? violation, events: shortest }
  }
  return null
}

/** `count` is the variable that says how many sequences there are. */
export function describeFailure({ seed, violation, events }: Failure, count: string): string {
  const lines = events.map(({ kind, app, salt }) => `  ${kind} app ${app} salt ${salt}`)
  return `${violation}\nMODEL_SEED=${seed} ${count}=1\n${lines.join('\n')}`
}
