// What the life before this one has left running: which of it goes on, and which must end first.
import { closeSync } from 'node:fs'
import type { Life } from '../../sys/life.ts'
import { readAppNote, type AppNote } from './app-note.ts'
import type { Slot } from './slot.ts'

export interface LeftBehind {
  /** By the names of their apps. */
  apps: Map<string, { place: number; note: AppNote }>
  /** Places of unpackers, of helpers, and of what this version does not understand. */
  others: number[]
}

/** Others are of the node's own parts, and stay. */
const isChilds = (note: unknown): boolean =>
  ['app', 'helper', 'unpack'].includes(String((note as { kind?: unknown }).kind))

/** Empty in the first life of a boot. */
export function leftBehind(life: Life): LeftBehind {
  const left: LeftBehind = { apps: new Map(), others: [] }
  for (const { child, note } of life.notes()) {
    const app = readAppNote(note)
    if (app !== null && !left.apps.has(app.name))
      left.apps.set(app.name, { place: child, note: app })
    else if (isChilds(note) || life.child(child) !== null) left.others.push(child)
  }
  return left
}

/**
 * Closes what the life before kept and no note names: it died between opening it and saying so, or between
 * the note that no longer has it and closing it.
 */
export function closeUnowned(life: Life, { apps }: LeftBehind): void {
  const owned = new Set([life.get('watchdogFd'), life.get('previousFd')])
  for (const { note } of apps.values())
    for (const fd of Object.values(note.process?.fds ?? {})) owned.add(fd)
  for (const fd of life.kept()) {
    if (owned.has(fd)) continue
    life.unkeep(fd)
    try {
      closeSync(fd)
    } catch {
      // It was not open: nothing of it is left.
    }
  }
}

/**
 * Goes on with an app whose current generation is `slot.current`. What belonged to an operation is over:
 * what was stopping for one is started again, and a generation on trial gives way to the current one.
 * Resolves when no process of another generation is left.
 */
export function inherit(
  { runner, current }: Slot,
  { place, note }: { place: number; note: AppNote },
  root: (generation: number) => string,
): Promise<void> {
  const generation = note.process?.generation ?? note.generation
  const gone = runner.adopt({ place, note, root: root(generation ?? 0) })
  if (current !== null && generation === current.number) {
    if (['unpacking', 'stopping', 'stopped'].includes(note.state.name)) runner.send('start')
    return Promise.resolve()
  }
  runner.send('abort')
  if (current !== null) runner.send('start')
  return gone
}
