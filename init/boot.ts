// PID 1's first acts: mounts, directories, limits. What is refused is remembered and survived.
import type { Native } from '../sys/native.ts'
import { mount } from '../sys/mount.ts'
import { setRlimit } from '../sys/rlimit.ts'
import { check } from '../sys/sys-error.ts'
import { holdDevices, makeDeviceLinks, makeDevices, makeMissingDevices } from './boot/devices.ts'
import { bootFiles, type BootFiles } from './boot/boot-files.ts'
import { parseMountInfo } from '../sys/mount-info.ts'
import { DEV_TMPFS, MOUNTS, type BootMount } from './boot/mount-table.ts'
import type { Log } from './supervisor/log.ts'

export interface Boot {
  /** What the machine did not allow: one sentence each. */
  degraded: string[]
  /** What this life has mounted, in order. */
  mounted: string[]
}

/** Below it are the apps' cgroups. */
export const CGROUP_ROOT = '/sys/fs/cgroup/solocloud'
export const RUN_DIRECTORY = '/run/solocloud'

/** 0700 keeps ordinary users of an app away from its neighbours' set-user-id programs, and from the socket. */
const DIRECTORIES: readonly [string, number][] = [
  ['/etc', 0o755],
  [RUN_DIRECTORY, 0o700],
]
const NODE_DIRECTORIES: readonly [string, number][] = [
  ['/chroots', 0o700],
  ['/var/lib/solocloud', 0o700],
]

const DESCRIPTORS_MAX = 65_536
const EEXIST = -17
const OOM_SCORE_NEVER = -1000
/** The kernel's own uts namespace (PROC_UTS_INIT_INO of <linux/proc_ns.h>). */
const INITIAL_UTS_NAMESPACE = 'uts:[4026531838]'

/** Mounts, directories and limits, in this order. Never throws. */
export function boot(native: Native, log: Log, files: BootFiles = bootFiles): Boot {
  const state: Booting = { native, log, files, degraded: [], mounted: [] }
  process.umask(0o022)
  // Before any directory is made. Elsewhere the file system under / is somebody else's.
  if (native.ownsMachine() === 1) {
    attempt(state, 'the root file system stays read-only', () => remountRoot(native))
  }
  for (const entry of MOUNTS) mountOne(state, entry)
  attempt(state, 'no links in /dev', () => makeDeviceLinks(files))
  for (const [path, mode] of DIRECTORIES) {
    attempt(state, `no ${path}`, () => files.makeDirectory(path, mode))
  }
  attempt(state, 'no cgroups for apps', () => makeCgroup(files))
  attempt(state, 'PID 1 can be chosen when memory runs out', () =>
    files.write('/proc/self/oom_score_adj', `${OOM_SCORE_NEVER}`),
  )
  attempt(state, 'the limit of open files is as found', () =>
    setRlimit(native, 'nofile', DESCRIPTORS_MAX, DESCRIPTORS_MAX),
  )
  attempt(state, 'no device nodes can be made', () => probeMknod(state))
  return { degraded: state.degraded, mounted: state.mounted }
}

/**
 * What the node keeps its own in, once all disks are mounted. What could not be made, one sentence each. Never
 * throws.
 */
export function makeNodeDirectories(log: Log, files: BootFiles = bootFiles): string[] {
  const degraded: string[] = []
  for (const [path, mode] of NODE_DIRECTORIES)
    attempt({ log, degraded }, `no ${path}`, () => files.makeDirectory(path, mode))
  return degraded
}

interface Booting extends Boot {
  native: Native
  log: Log
  files: BootFiles
}

/** False when it failed; then it is among what is degraded. */
function attempt(
  { log, degraded }: Pick<Booting, 'log' | 'degraded'>,
  without: string,
  act: () => void,
): boolean {
  try {
    act()
    return true
  } catch (error) {
    const sentence = `${without}: ${(error as Error).message}`
    log.warn({ err: error }, sentence)
    degraded.push(sentence)
    return false
  }
}

function remountRoot(native: Native): void {
  mount(native, { source: '', target: '/', fstype: '', flags: ['remount', 'relAtime'], data: '' })
}

function mountOne(state: Booting, entry: BootMount): void {
  const { files, log } = state
  const { target } = entry
  if (isMounted(files, target)) {
    log.info({ target }, 'is mounted already')
    if (entry.fstype === 'devtmpfs') completeDev(state)
    return
  }
  try {
    files.makeDirectory(target)
  } catch (error) {
    log.warn({ err: error }, `no mount point ${target}`)
  }
  attempt(state, `${target} is not mounted`, () => {
    const mounts = entry.fstype === 'devtmpfs' ? mountDev : mountOrSimpler
    if (mounts(state, entry)) state.mounted.push(target)
  })
}

/**
 * As wished, else with fewer options: a user namespace has no group 5. False when the very same is
 * mounted there already.
 */
function mountOrSimpler({ native }: Booting, { simplerData, ...entry }: BootMount): boolean {
  try {
    mount(native, entry)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EBUSY') return false
    if (simplerData === undefined || code !== 'EINVAL') throw error
    mount(native, { ...entry, data: simplerData })
  }
  return true
}

/**
 * The kernel's device file system, else a tmpfs with the standard nodes, else (false) the directory as it
 * is, completed.
 */
function mountDev(state: Booting, entry: BootMount): boolean {
  const { native, files, log } = state
  try {
    mount(native, entry)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false
    log.info({ err: error }, 'no devtmpfs: /dev gets nodes of its own')
  }
  const held = holdDevices(files)
  try {
    if (!mountDevTmpfs(state)) {
      completeDev(state)
      return false
    }
    tellMissing(state, makeDevices(native, files, held))
    return true
  } finally {
    for (const fd of held.values()) files.close(fd)
  }
}

function mountDevTmpfs({ native, log }: Booting): boolean {
  try {
    mount(native, DEV_TMPFS)
    return true
  } catch (error) {
    log.info({ err: error }, 'no tmpfs: /dev stays the directory that it is')
    return false
  }
}

/** A container's /dev is its host's choice, and may be empty. */
function completeDev(state: Booting): void {
  tellMissing(state, makeMissingDevices(state.native, state.files))
}

function tellMissing({ degraded }: Booting, missing: readonly string[]): void {
  if (missing.length > 0) degraded.push(`/dev lacks ${missing.join(', ')}`)
}

/** False also when /proc is not there to ask: then nothing of ours is mounted yet. */
function isMounted(files: BootFiles, target: string): boolean {
  try {
    const entries = parseMountInfo(files.read('/proc/self/mountinfo'))
    return entries.some((entry) => entry.target === target)
  } catch {
    return false
  }
}

/** On a version 1 hierarchy the directory can be made too, and is then worth nothing. */
function makeCgroup(files: BootFiles): void {
  files.makeDirectory(CGROUP_ROOT)
  files.read(`${CGROUP_ROOT}/cgroup.procs`)
}

function probeMknod({ native, files }: Booting): void {
  const path = `${RUN_DIRECTORY}/device`
  const S_IFCHR = 0o020000
  const made = native.mknod(path, S_IFCHR | 0o600, 1, 3)
  // A life that ended right here has left it.
  if (made !== EEXIST) check(made, 'mknod', path)
  files.remove(path)
}

/** Sets it where that is ours to set: on our machine or in a uts namespace of our own. Throws SysError. */
export function setHostname(
  native: Native,
  name: string,
  utsNamespace: string,
): 'set' | 'not ours' {
  if (native.ownsMachine() !== 1 && utsNamespace === INITIAL_UTS_NAMESPACE) return 'not ours'
  check(native.sethostname(name), 'sethostname', name)
  return 'set'
}
