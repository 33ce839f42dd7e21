// Ends every process of an app, daemonised ones too, and tells how many there still were.
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import type { Isolation } from '../../protocol/api.ts'
import type { Native } from '../../sys/native.ts'
import { kill } from '../../sys/process.ts'

const SIGKILL = 9
const PASSES_MAX = 8

export interface Domain {
  /** The app's root on the node. */
  root: string
  isolation: Isolation
  /** Its own cgroup's directory, or null. */
  cgroup: string | null
}

export interface Processes {
  /** SIGKILLs what there is and returns how many processes were found: 0 means that all are gone. */
  end(domain: Domain): number
}

const quietly = <T>(read: () => T, otherwise: T): T => {
  try {
    return read()
  } catch {
    // A process or a cgroup that has just gone: nothing is there to end.
    return otherwise
  }
}

/**
 * By cgroup.kill where the app has a cgroup (Linux 5.14; its listed processes before that). Without a
 * cgroup, in a pid namespace: its init is dead by now, and the kernel ends a namespace with its init.
 * Else by the root directory of every process.
 */
export function createProcesses(native: Native, procDir: string): Processes {
  const killAll = (pids: readonly number[]): number => {
    for (const pid of pids) kill(native, pid, SIGKILL)
    return pids.length
  }
  const endByRoot = (root: string): number => {
    const ended = new Set<number>()
    // A process that forks faster than we kill is met again at once, while its parents are already dead.
    for (let pass = 0; pass < PASSES_MAX; pass++) {
      const fresh = membersByRoot(procDir, root).filter((pid) => !ended.has(pid))
      if (fresh.length === 0) break
      killAll(fresh)
      for (const pid of fresh) ended.add(pid)
    }
    return ended.size
  }
  return {
    end({ root, isolation, cgroup }) {
      const inCgroup = cgroup === null ? [] : cgroupMembers(cgroup)
      if (cgroup !== null && inCgroup.length > 0) {
        // The kill covers what forks at this moment; the listed ones are for kernels without it.
        if (!killCgroup(cgroup)) killAll(inCgroup)
        return inCgroup.length
      }
      if (isolation === 'namespaces') return 0
      return endByRoot(root)
    },
  }
}

const ours = (pid: number): boolean => pid > 1 && pid !== process.pid

function cgroupMembers(cgroup: string): number[] {
  const text = quietly(() => readFileSync(`${cgroup}/cgroup.procs`, 'utf8'), '')
  return text.split('\n').map(Number).filter(ours)
}

function killCgroup(cgroup: string): boolean {
  return quietly(() => {
    writeFileSync(`${cgroup}/cgroup.kill`, '1', { flag: 'r+' })
    return true
  }, false)
}

function membersByRoot(procDir: string, root: string): number[] {
  if (root.length < 2 || !root.startsWith('/')) throw new Error(`BUG: not an app's root: ${root}`)
  const inside = (link: string): boolean =>
    link === root || link.startsWith(`${root}/`) || link === `${root} (deleted)`
  const pids = readdirSync(procDir)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(ours)
  return pids.filter((pid) => roots(`${procDir}/${pid}`).some(inside))
}

/** The root of a process; of its threads when the first one has already ended (pthread_exit in main). */
function roots(processDir: string): string[] {
  const own = quietly(() => readlinkSync(`${processDir}/root`), null)
  if (own !== null) return [own]
  const threads = quietly(() => readdirSync(`${processDir}/task`), [])
  return threads.flatMap((thread) =>
    quietly(() => [readlinkSync(`${processDir}/task/${thread}/root`)], []),
  )
}
