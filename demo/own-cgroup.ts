// A cgroup of its own for a node in namespaces: root's cgroup2 mount would show it the machine's tree.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface OwnCgroup {
  /** Write a pid here to move it in. */
  procsFile: string
  /** Removes it, once what was in it has ended. */
  remove(): Promise<void>
}

const REMOVE_TRIES_MAX = 50
const REMOVE_POLL_MS = 20

/** Where cgroup2 is mounted, from the text of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export function cgroupMount(mountinfo: string): string | null {
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    if (after.startsWith('cgroup2 ')) return before.split(' ')[4] ?? null
  }
  return null
}

/** Our cgroup's path in the hierarchy, from the text of /proc/self/cgroup (cgroups(7)). */
export const cgroupPath = (text: string): string => /^0::(.*)$/m.exec(text)?.[1] ?? '/'

/** Makes a cgroup below our own; null where we may not. What killed runs have left goes. */
export function makeCgroup(): OwnCgroup | null {
  const mount = cgroupMount(readFileSync('/proc/self/mountinfo', 'utf8'))
  if (mount === null) return null
  const parent = join(mount, cgroupPath(readFileSync('/proc/self/cgroup', 'utf8')))
  const dir = join(parent, `solocloud-${process.pid}-${Date.now().toString(36)}`)
  try {
    mkdirSync(dir)
  } catch {
    return null
  }
  sweep(parent)
  return {
    procsFile: join(dir, 'cgroup.procs'),
    async remove() {
      // The kernel takes a moment to forget the last process; what the node made in it goes first.
      for (let tries = 0; tries < REMOVE_TRIES_MAX; tries++) {
        if (!existsSync(dir) || removeTree(dir)) return
        await sleep(REMOVE_POLL_MS)
      }
      throw new Error(`${dir}: something still runs in this cgroup`)
    },
  }
}

function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = /^solocloud-(\d+)-/.exec(name)?.[1]
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue
    try {
      removeTree(join(parent, name))
    } catch (error) {
      // Two runs may sweep at once.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

/** Removes empty cgroups from the leaves up; false while a process is in one of them. */
function removeTree(dir: string): boolean {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isDirectory() && !removeTree(join(dir, entry.name))) return false
  }
  try {
    rmdirSync(dir)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false
    throw error
  }
}
