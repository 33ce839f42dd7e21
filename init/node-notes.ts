// What the node's own parts leave to their next life: one note for each, in the life record.
import type { Life } from '../sys/life.ts'

export interface NodeNotes {
  /** What the life before left under this name; null in the first life of a boot. */
  read(part: string): unknown
  /** Replaces it. Throws SysError when it is over 4 KiB of JSON. */
  write(part: string, value: unknown): void
}

interface Note {
  kind: 'node'
  part: string
  value: unknown
}

const isNodeNote = (note: unknown): note is Note => (note as Partial<Note>).kind === 'node'

export function createNodeNotes(life: Life): NodeNotes {
  const places = new Map<string, number>()
  const values = new Map<string, unknown>()
  for (const { child, note } of life.notes()) {
    if (!isNodeNote(note)) continue
    places.set(note.part, child)
    values.set(note.part, note.value)
  }
  return {
    read: (part) => values.get(part) ?? null,
    write(part, value) {
      const place = places.get(part) ?? life.claim()
      places.set(part, place)
      values.set(part, value)
      life.write(place, { kind: 'node', part, value } satisfies Note)
    },
  }
}
