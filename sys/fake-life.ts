// A life record in memory for unit tests: like the real one it outlives whoever wrote to it.
import { CHILDREN_MAX, NOTE_BYTES_MAX, type ChildEnd, type Death, type Life } from './life.ts'
import type { LifeNumber } from './life.ts'
import type { Native } from './native.ts'
import { SysError } from './sys-error.ts'

export interface MemoryRecord {
  numbers: Map<LifeNumber, number>
  reason: string
  notes: Map<number, string>
  children: Map<number, ChildEnd>
  kept: Set<number>
  deaths: Death[]
}

const ENOSPC = -28

export const emptyRecord = (): MemoryRecord => ({
  numbers: new Map<LifeNumber, number>([
    ['lives', 1],
    ['previousFd', -1],
    ['watchdogFd', -1],
  ]),
  reason: '',
  notes: new Map(),
  children: new Map(),
  kept: new Set(),
  deaths: [],
})

/** The record as one life sees it. The next life is another call with the same `record`. */
export function memoryLife(record: MemoryRecord = emptyRecord()): Life {
  const claimed = new Set(record.notes.keys())
  const write = (child: number, note: unknown): void => {
    const text = JSON.stringify(note)
    if (Buffer.byteLength(text) > NOTE_BYTES_MAX) throw new Error('BUG: a note over its size')
    if (note === null) record.notes.delete(child)
    else record.notes.set(child, text)
  }
  return {
    get: (name) => record.numbers.get(name) ?? 0,
    set: (name, value) => void record.numbers.set(name, value),
    upgradeReason: () => record.reason,
    claim() {
      for (let child = 0; child < CHILDREN_MAX; child++) {
        if (claimed.has(child)) continue
        claimed.add(child)
        return child
      }
      throw new SysError('claim a place', 'the life record', ENOSPC)
    },
    release(child) {
      record.children.delete(child)
      write(child, null)
      claimed.delete(child)
    },
    notes: () =>
      [...record.notes].map(([child, text]) => ({ child, note: JSON.parse(text) as unknown })),
    write,
    child: (child) => record.children.get(child) ?? null,
    forget: (child) => void record.children.delete(child),
    keep: (fd) => void record.kept.add(fd),
    unkeep: (fd) => void record.kept.delete(fd),
    kept: () => [...record.kept].sort((one, other) => one - other),
    deaths: () =>
      record.deaths.map((death) => ({
        death,
        stored: () => void (record.deaths = record.deaths.filter((other) => other !== death)),
      })),
  }
}

/** What native.spawn and native.reap do to the record, for fakes of those. */
export function recordSpawn(record: MemoryRecord, child: number, pid: number): void {
  if (child >= 0) record.children.set(child, { pid, status: null })
}

export function recordEnd(record: MemoryRecord, pid: number, status: number): void {
  for (const state of record.children.values())
    if (state.pid === pid && state.status === null) state.status = status
}

/** The log calls of the addon over memory: `chunk` and `rests` are what a death leaves. */
export interface LogMemory {
  chunk: {
    child: number
    stream: number
    sequence: number
    wallMs: number
    fileSize: number
    batches: number
    bytes: Uint8Array
  } | null
  rests: Map<string, { sequence: number; rest: Uint8Array }>
}

export const emptyLogMemory = (): LogMemory => ({ chunk: null, rests: new Map() })

type LogCalls = Pick<Native, 'logTake' | 'logBatch' | 'logCommit' | 'logPending' | 'logRest'>

/** `read` is read(2) of a pipe: a count, 0 or -errno. */
export function fakeLogCalls(
  memory: LogMemory,
  read: (fd: number, bytes: Uint8Array) => number,
): LogCalls {
  const key = (child: number, stream: number): string => `${child} ${stream}`
  const restOf = (child: number, stream: number): { sequence: number; rest: Uint8Array } =>
    memory.rests.get(key(child, stream)) ?? { sequence: 0, rest: new Uint8Array() }
  return {
    logTake(fd, child, stream, wallMs, bytes) {
      const sequence = restOf(child, stream).sequence + 1
      const about = { child, stream, sequence, wallMs, fileSize: -1, batches: 0 }
      const count = read(fd, bytes)
      memory.chunk = { ...about, bytes: bytes.slice(0, Math.max(count, 0)) }
      return count
    },
    logBatch(fileSize, batches) {
      if (memory.chunk !== null) Object.assign(memory.chunk, { fileSize, batches })
      return 0
    },
    logCommit(child, stream, rest) {
      const { sequence } = restOf(child, stream)
      memory.rests.set(key(child, stream), { sequence: sequence + 1, rest: rest.slice() })
      return 0
    },
    logPending(bytes, about) {
      const { chunk } = memory
      if (chunk === null || chunk.bytes.length === 0) return 0
      if (restOf(chunk.child, chunk.stream).sequence >= chunk.sequence) return 0
      bytes.set(chunk.bytes)
      about.set([chunk.child, chunk.stream, chunk.wallMs, chunk.fileSize, chunk.batches])
      return chunk.bytes.length
    },
    logRest(child, stream, rest) {
      const found = restOf(child, stream).rest
      rest.set(found)
      return found.length
    },
  }
}
