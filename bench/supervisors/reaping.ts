// Orphans: how fast each PID 1 collects what a fork storm leaves it, and what that costs it.
import { command } from '../../qemu/command.ts'
import { STORM } from './peers.ts'
import { cpuMs } from './process-tree.ts'
import type { Running } from './running.ts'
import type { Column, Line, Topic } from './topic.ts'

/** Well below the machine's pid_max, which all namespaces share. */
const ORPHANS = 5000
/** 100 a second are reaped by the one that this is for. */
const ORPHANS_OF_THE_SLOW = 200

interface Sample {
  perSecond: number
  /** µs of PID 1 for each orphan. */
  cpuUs: number
  atOncePerSecond: number
}

/** The three numbers of storm.c. Throws when they are not there. */
export function parseStorm(text: string): { wholeMs: number; backlogMs: number } {
  const [whole, backlog] = /^(\d+) (\d+) (\d+)$/.exec(text.trim())?.slice(1) ?? []
  if (whole === undefined || backlog === undefined) throw new Error(`not storm's words: ${text}`)
  return { wholeMs: Number(whole) / 1e6, backlogMs: Number(backlog) / 1e6 }
}

async function storm(running: Running, orphans: number, parents: number) {
  const inside = ['--target', String(running.pid), '--pid', '--mount', '--']
  const words = [...inside, STORM, String(orphans), String(parents)]
  return parseStorm(await command('nsenter', words, { timeoutMs: 60_000 }))
}

async function sample(running: Running, orphans: number): Promise<Sample> {
  const before = cpuMs(running.pid)
  const forked = await storm(running, orphans, orphans)
  const cpu = cpuMs(running.pid) - before
  const handedOver = await storm(running, orphans, 1)
  return {
    perSecond: orphans / (forked.wholeMs / 1000),
    cpuUs: (cpu * 1000) / orphans,
    atOncePerSecond: orphans / (handedOver.backlogMs / 1000),
  }
}

const perSecond = (value: number): string => Math.round(value).toLocaleString('en')
const COLUMNS: readonly Column[] = [
  { heading: 'double forks: orphans reaped a second', format: perSecond },
  { heading: "PID 1's CPU for each", format: (value) => `${value.toFixed(1)} µs` },
  { heading: 'handed over at once: reaped a second', format: perSecond },
]

/** Storms in every namespace, one after another, `rounds` times. */
export async function reaping(
  programs: readonly Running[],
  slow: readonly string[],
  rounds: number,
): Promise<Topic> {
  const samples = new Map<string, Sample[]>(programs.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const running of programs) {
      const orphans = slow.includes(running.name) ? ORPHANS_OF_THE_SLOW : ORPHANS
      samples.get(running.name)?.push(await sample(running, orphans))
    }
  }
  const lines = programs.map(({ name }): Line => {
    const own = samples.get(name) ?? []
    const cells = [
      own.map(({ perSecond }) => perSecond),
      own.map(({ cpuUs }) => cpuUs),
      own.map(({ atOncePerSecond }) => atOncePerSecond),
    ]
    return { program: name, cells }
  })
  return {
    title: 'Orphans reaped',
    columns: COLUMNS,
    lines,
    notes: [
      `${ORPHANS} orphans (${slow.join(', ')}: ${ORPHANS_OF_THE_SLOW}) by one static C program inside, which`,
      'stops the time when its namespace has no zombie left. In double forks the forking takes most of the',
      'time. Handed over at once: one parent ends and leaves all of them as zombies; the time counts from there.',
    ],
  }
}
