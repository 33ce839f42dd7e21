// The way down, step by step. Each is bounded in time, and one that fails does not stop the next.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { Ending, type Life } from '../sys/life.ts'
import type { Native } from '../sys/native.ts'
import { remountReadOnly, umount } from '../sys/mount.ts'
import { reboot } from '../sys/reboot.ts'
import { parseMountInfo } from '../sys/mount-info.ts'
import { parseSwaps, swapOff } from '../sys/swap.ts'
import { check } from '../sys/sys-error.ts'
import type { BootLog } from './console.ts'
import type { Timers } from './network/timers.ts'
import type { How } from './power.ts'

/**
 * Exit status of a PID 1 that is not the machine's: 0 asks for "off", 129 for "start me again" (what
 * a container manager sees after reboot(2) in a container: death by signal 1, SIGHUP).
 */
export const ExitStatus = { 'power-off': 0, reboot: 129 } as const

/** OpenVZ starts a container again when it finds this file after its end. */
const OPENVZ_MARK = '/reboot'

export interface ShutDown {
  native: Native
  life: Life
  log: BootLog
  timers: Timers
  how: How
  /** New requests are refused; running ones get a moment. */
  stopRequests: () => Promise<void>
  /** SIGTERM to every app, its grace, SIGKILL. */
  stopApps: () => Promise<void>
  /** Databases and log files: what is open for writing keeps its file system from being unmounted. */
  closeFiles: () => void
  /** What boot() has mounted in this life. */
  mounted: readonly string[]
  files?: ShutDownFiles
}

/** Throw Node's fs errors. */
export interface ShutDownFiles {
  read: (path: string) => string
  exists: (path: string) => boolean
  create: (path: string) => void
}

const diskFiles: ShutDownFiles = {
  read: (path) => readFileSync(path, 'utf8'),
  exists: existsSync,
  create: (path) => writeFileSync(path, ''),
}

const STOP_REQUESTS_MS_MAX = 5_000
/** Above the longest grace that an app can have, so that this cuts off only what hangs. */
const STOP_APPS_MS_MAX = 60_000
const KILLED_MS_MAX = 3_000
const KILL_MS_MAX = 2 * KILLED_MS_MAX
/** For what can't be bounded here: closing files, sync(2), unmounting. */
const DISK_MS_MAX = 15_000
const POLL_MS = 20
const REAPED_AT_ONCE = 64
const ECHILD = -10

/** After so long the native code finishes what hangs here. Below the 90 s of init/power-command.ts. */
export const FINISH_SECONDS =
  (STOP_REQUESTS_MS_MAX + STOP_APPS_MS_MAX + KILL_MS_MAX + DISK_MS_MAX) / 1000

export async function shutDown(options: ShutDown): Promise<void> {
  const { native, life, log, how, stopRequests, stopApps, closeFiles } = options
  // From here on a death goes on with this shutdown instead of with another life.
  attempt(log, 'nothing finishes what hangs', () => {
    life.set('ending', Ending[how])
    check(native.finishWithin(FINISH_SECONDS), 'finishWithin')
  })
  log.say(how === 'reboot' ? 'going down to reboot' : 'going down to power off')
  await bounded(options, 'requests go on', STOP_REQUESTS_MS_MAX, stopRequests)
  await bounded(options, 'apps go on', STOP_APPS_MS_MAX, stopApps)
  await bounded(options, 'processes stay', KILL_MS_MAX, () => killRest(options))
  attempt(log, 'files stay open', closeFiles)
  attempt(log, 'not everything is written', () => native.sync())
  if (native.ownsMachine() === 1) {
    unmountMachine(options)
    native.sync()
    log.say(how === 'reboot' ? 'rebooting' : 'powering off')
    attempt(log, 'the machine stays on', () =>
      reboot(native, how === 'reboot' ? 'restart' : 'powerOff'),
    )
  } else {
    unmountOwn(options)
    leaveContainer(options)
  }
}

function attempt(log: BootLog, problem: string, act: () => unknown): void {
  try {
    act()
  } catch (error) {
    log.complain(problem, error)
  }
}

/** Waits for `act`, but not for ever. What it does later still happens, while the next step runs. */
async function bounded(
  { log, timers }: ShutDown,
  problem: string,
  msMax: number,
  act: () => Promise<void>,
): Promise<void> {
  let disarm = (): void => undefined
  const late = new Promise<'late'>((resolve) => {
    disarm = timers.after(msMax, () => resolve('late'))
  })
  try {
    if ((await Promise.race([act(), late])) === 'late')
      log.complain(`${problem} after ${msMax} ms`, null)
  } catch (error) {
    log.complain(problem, error)
  } finally {
    disarm()
  }
}

/**
 * Everything else in our pid namespace. The addon refuses -1 to all but a pid 1, because to anyone else
 * it means the whole machine; asking first keeps the reason here too.
 */
async function killRest({ native, timers }: ShutDown): Promise<void> {
  if (process.pid !== 1) return
  native.kill(-1, constants.signals.SIGKILL)
  const ends = new Int32Array(2 * REAPED_AT_ONCE)
  const endMs = timers.nowMs() + KILLED_MS_MAX
  while (timers.nowMs() < endMs) {
    const count = native.reap(ends)
    if (count === ECHILD) return
    if (count > 0) continue
    await new Promise<void>((resolve) => void timers.after(POLL_MS, resolve))
  }
  throw new Error('some do not die; they wait for a disk or a network file system')
}

/** Kernel interfaces: there is nothing to write back, and PID 1 itself keeps them busy. */
const PSEUDO = new Set([
  'autofs',
  'binfmt_misc',
  'bpf',
  'cgroup',
  'cgroup2',
  'configfs',
  'debugfs',
  'devpts',
  'devtmpfs',
  'fusectl',
  'hugetlbfs',
  'mqueue',
  'nsfs',
  'proc',
  'pstore',
  'securityfs',
  'selinuxfs',
  'sysfs',
  'tmpfs',
  'tracefs',
])

/** In reverse; what is busy becomes read-only, and so does the root. */
function unmountMachine(options: ShutDown): void {
  const { native, log, files = diskFiles } = options
  attempt(log, 'swap files are in use', () => {
    // A file system can neither be unmounted nor become read-only while one of its files is swap.
    for (const { path } of parseSwaps(files.read('/proc/swaps')).filter(({ isFile }) => isFile))
      attempt(log, `${path} stays in use`, () => swapOff(native, path))
  })
  attempt(log, 'what is mounted is unknown', () => {
    const entries = parseMountInfo(files.read('/proc/self/mountinfo'))
    const disks = entries.filter(({ target, fstype }) => target !== '/' && !PSEUDO.has(fstype))
    for (const { target } of disks.toReversed()) {
      attempt(log, `${target} is not unmounted cleanly`, () => unmountOrReadOnly(native, target))
    }
  })
  attempt(log, 'the root file system stays writable', () => remountReadOnly(native, '/'))
}

function unmountOrReadOnly(native: Native, target: string): void {
  try {
    umount(native, target, ['noFollow'])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
    remountReadOnly(native, target)
  }
}

/**
 * Only what we have mounted, and never read-only: a remount changes the file system itself, which is
 * the host's too. What is busy goes with the namespace.
 */
function unmountOwn({ native, log, mounted }: ShutDown): void {
  for (const target of mounted.toReversed()) {
    try {
      umount(native, target, ['noFollow'])
    } catch (error) {
      log.info({ err: error }, `${target} stays mounted`)
    }
  }
}

function leaveContainer({ native, log, how, files = diskFiles }: ShutDown): void {
  if (how === 'reboot') {
    attempt(log, 'OpenVZ is not asked to start this container again', () => {
      // An OpenVZ host has both, its containers only /proc/vz.
      if (files.exists('/proc/vz') && !files.exists('/proc/bc')) files.create(OPENVZ_MARK)
    })
  }
  attempt(log, 'the container stays on', () => check(native.leave(ExitStatus[how]), 'leave'))
}
