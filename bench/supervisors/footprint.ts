// What supervising costs while nothing happens: memory for some numbers of services, and processor time.
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuMs, pssOf } from './process-tree.ts'
import { familyOf, type Running } from './running.ts'
import type { Column, Line, Topic } from './topic.ts'

const SETTLE_MS = 5000
const IDLE_MS = 60_000

export interface Memory {
  services: number
  helpers: number
  /** Pss. */
  initBytes: number
  /** What of it belongs to no file. */
  initAnonymousBytes: number
  helperBytes: number
}

/** Once what the start has left is settled. */
export async function memoryOf(programs: readonly Running[]): Promise<Map<string, Memory>> {
  await sleep(SETTLE_MS)
  return new Map(programs.map((running) => [running.name, measure(running)]))
}

function measure(running: Running): Memory {
  const { services, helpers } = familyOf(running)
  return {
    services: services.length,
    helpers: helpers.length,
    initBytes: pssOf(running.pid),
    initAnonymousBytes: pssOf(running.pid, 'Pss_Anon'),
    helperBytes: helpers.reduce((sum, { pid }) => sum + pssOf(pid), 0),
  }
}

/** Bytes that each further service costs, from the smallest and the largest number of services. */
export function bytesPerService(measured: readonly Memory[], of: (memory: Memory) => number) {
  const [few] = measured
  const many = measured.at(-1)
  if (few === undefined || many === undefined || many.services === few.services) return null
  // What the processes share counts for each of them the less, the more there are.
  return Math.max(0, of(many) - of(few)) / (many.services - few.services)
}

const megabytes = (value: number): string => `${(value / 1e6).toFixed(2)} MB`
const kilobytes = (value: number): string => `${(value / 1e3).toFixed(1)} kB`

/** `measured`: by program, one for each of `counts`, or fewer where it can't. */
export function memoryTopic(
  counts: readonly number[],
  measured: ReadonlyMap<string, readonly Memory[]>,
): Topic {
  const columns: Column[] = [
    ...counts.map((count) => ({ heading: `${count} services`, format: megabytes })),
    { heading: 'each, in PID 1', format: kilobytes },
    { heading: 'of it anonymous', format: kilobytes },
    { heading: 'each, with its helper', format: kilobytes },
    { heading: 'helpers', format: String },
  ]
  const whole = ({ initBytes, helperBytes }: Memory) => initBytes + helperBytes
  const lines = [...measured].map(([program, memories]): Line => {
    const each = bytesPerService(memories, ({ initBytes }) => initBytes)
    const eachAnonymous = bytesPerService(memories, (memory) => memory.initAnonymousBytes)
    const eachWhole = bytesPerService(memories, whole)
    return {
      program,
      cells: [
        ...counts.map((_, index) => {
          const memory = memories[index]
          return memory === undefined ? 'n/a' : [whole(memory)]
        }),
        each === null ? 'n/a' : [each],
        eachAnonymous === null ? 'n/a' : [eachAnonymous],
        eachWhole === null ? 'n/a' : [eachWhole],
        `${memories.at(-1)?.helpers ?? 'n/a'}`,
      ],
    }
  })
  return {
    title: 'Memory of supervising',
    columns,
    lines,
    notes: [
      'Pss of PID 1 and of all its helpers (runsv, s6-supervise, the init of each app of ours), without the',
      "services and without what the kernel spends on each process. solocloud's apps and supervisor's programs",
      "have their output read and logged; the others run without a logger. supervisor's Python is not compiled",
      'beforehand, which its start pays for. The node of ours had one image pushed;',
      'the other apps are copies of its directory and rows, made before the boot that is measured.',
    ],
  }
}

/** Share of one processor, as it is used by PID 1 and its helpers while nobody asks for anything. */
export async function idling(programs: readonly Running[]): Promise<Map<string, number>> {
  const spent = () =>
    programs.map((running) => {
      const pids = [running.pid, ...familyOf(running).helpers.map(({ pid }) => pid)]
      return pids.reduce((sum, pid) => sum + cpuMs(pid), 0)
    })
  const start = performance.now()
  const before = spent()
  await sleep(IDLE_MS)
  const after = spent()
  const elapsed = performance.now() - start
  return new Map(
    programs.map(({ name }, index) => [
      name,
      ((after[index] ?? 0) - (before[index] ?? 0)) / elapsed,
    ]),
  )
}

export function idleTopic(
  idle: ReadonlyMap<string, number>,
  services: (name: string) => number,
): Topic {
  return {
    title: 'CPU while idle for a minute',
    columns: [
      { heading: 'services', format: String },
      { heading: 'share of one CPU', format: (value) => `${(value * 100).toFixed(4)} %` },
    ],
    lines: [...idle].map(([program, share]) => ({
      program,
      cells: [`${services(program)}`, [share]],
    })),
    notes: [
      'Of PID 1 and its helpers, all threads, from /proc/PID/task/*/schedstat; in the same minute.',
    ],
  }
}
