// Reads /proc: which processes descend from one, and what each costs in memory and in time.
import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'

const MS_PER_TICK = 10 // USER_HZ is 100 on every Linux that Debian has.

export interface Process {
  pid: number
  /** Its command line, split into words. */
  words: string[]
}

/** Throws nothing: a process that has just gone has no text. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const threadsOf = (pid: number): string[] => {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

const numbers = (text: string): number[] =>
  text
    .split(/\s+/)
    .filter((word) => word !== '')
    .map(Number)

export function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) => numbers(textOf(`/proc/${pid}/task/${thread}/children`)))
}

/** Every process below `pid`, without itself. */
export function descendants(pid: number): Process[] {
  return childrenOf(pid).flatMap((child) => [
    { pid: child, words: textOf(`/proc/${child}/cmdline`).split('\0').slice(0, -1) },
    ...descendants(child),
  ])
}

/** What of a tree is the service itself, and what runs it. A zombie is neither. */
export function divide(
  processes: readonly Process[],
  service: string,
): { services: Process[]; helpers: Process[] } {
  // Its path in a chroot, or in the tree of a peer; never a helper that has it among its arguments.
  const isService = ({ words }: Process) => basename(words[0] ?? '') === basename(service)
  return {
    services: processes.filter(isService),
    helpers: processes.filter((process) => !isService(process)),
  }
}

export type PssField = 'Pss' | 'Pss_Anon'

/** Bytes from the text of /proc/PID/smaps_rollup (proc_pid_smaps(5)); 0 for one that has just died. */
export function pssBytes(smapsRollup: string, field: PssField): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(smapsRollup)?.[1] ?? 0) * 1024
}

/** Pss of a process now. */
export const pssOf = (pid: number, field: PssField = 'Pss'): number =>
  pssBytes(textOf(`/proc/${pid}/smaps_rollup`), field)

/** User and system time in ms from the text of /proc/PID/stat (proc_pid_stat(5)); its name may hold anything. */
export function statCpuMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user = '', system = ''] = fields.slice(11, 13)
  if (user === '' || system === '') throw new Error(`not a stat file: ${stat}`)
  return (Number(user) + Number(system)) * MS_PER_TICK
}

/** Time on a processor in ns from the text of a schedstat (Documentation/scheduler/sched-stats.rst). */
export function schedstatNs(schedstat: string): number | null {
  const first = /^(\d+) \d+ \d+\s*$/.exec(schedstat)?.[1]
  return first === undefined ? null : Number(first)
}

/** CPU time in ms of a process with all its threads: exact where the kernel has schedstat, else in ticks. */
export function cpuMs(pid: number): number {
  let ns = 0
  for (const thread of threadsOf(pid)) {
    const one = schedstatNs(textOf(`/proc/${pid}/task/${thread}/schedstat`))
    if (one === null) return statCpuMs(textOf(`/proc/${pid}/stat`))
    ns += one
  }
  return ns / 1e6
}
