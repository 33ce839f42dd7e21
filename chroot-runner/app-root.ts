// What an app finds below its root beside its image: mounts, devices and links, as data.
import { mountFlags, type MountFlag } from '../sys/mount.ts'
import type { Step } from './plan.ts'

/** Docker's limit. Without one, /dev/shm may take half of the memory. */
const SHM_SIZE = '64m'

interface RootMount {
  fstype: string
  target: string
  flags: readonly MountFlag[]
  data: string
  /** The app runs without it, less comfortably. */
  optional: boolean
}

/**
 * In order. /proc is read-only as a whole: an app that is root may write to files there without any
 * capability, /proc/sysrq-trigger and most of /proc/sys among them, and a list of these ages badly.
 * What it costs: no change of its own oom_score_adj, uid_map and the like. /sys can't be mounted in the
 * user namespace of `make run` without a network namespace of its own.
 */
const MOUNTS: readonly RootMount[] = [
  {
    fstype: 'tmpfs',
    target: 'dev',
    flags: ['noSuid', 'noExec'],
    data: 'mode=0755,size=64k',
    optional: false,
  },
  {
    fstype: 'devpts',
    target: 'dev/pts',
    flags: ['noSuid', 'noExec'],
    data: 'newinstance,ptmxmode=0666,mode=0620',
    optional: true,
  },
  {
    fstype: 'tmpfs',
    target: 'dev/shm',
    flags: ['noSuid', 'noDev', 'noExec'],
    data: `mode=1777,size=${SHM_SIZE}`,
    optional: false,
  },
  {
    fstype: 'sysfs',
    target: 'sys',
    flags: ['readOnly', 'noSuid', 'noDev', 'noExec'],
    data: '',
    optional: true,
  },
  {
    fstype: 'proc',
    target: 'proc',
    flags: ['readOnly', 'noSuid', 'noDev', 'noExec'],
    data: '',
    optional: false,
  },
]

/** Mode 0666; majors and minors of the kernel's Documentation/admin-guide/devices.txt. */
const DEVICES: readonly [name: string, major: number, minor: number][] = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
]

const LINKS: readonly [path: string, target: string][] = [
  ['dev/ptmx', 'pts/ptmx'],
  ['dev/fd', '/proc/self/fd'],
  ['dev/stdin', '/proc/self/fd/0'],
  ['dev/stdout', '/proc/self/fd/1'],
  ['dev/stderr', '/proc/self/fd/2'],
]

function mountStep({ fstype, target, flags, data, optional }: RootMount, required: boolean): Step {
  return {
    op: 'mount',
    source: fstype,
    target,
    fstype,
    flags: mountFlags(flags),
    data,
    optional: optional || !required,
  }
}

/** The node's directory with its management socket, and the place of the same name in an app. */
const RUN_DIRECTORY = '/run/solocloud'

/**
 * The directory, not the socket: a new life of PID 1 makes a new one. Read-only, so that what breaks in the
 * app breaks nothing of the node's; connecting is no write to a file system.
 */
export function managementSteps(): Step[] {
  const bind = (flags: readonly MountFlag[], optional: boolean): Step => ({
    op: 'mount',
    source: RUN_DIRECTORY,
    target: RUN_DIRECTORY.slice(1),
    fstype: '',
    flags: mountFlags(['bind', ...flags]),
    data: '',
    optional,
  })
  return [bind([], false), bind(['remount', 'readOnly', 'noSuid', 'noDev', 'noExec'], true)]
}

/** `mountsRequired`: in the tier with namespaces; without them, an app has what the node allows. */
export function rootSteps(mountsRequired: boolean): Step[] {
  return [
    ...MOUNTS.map((mount) => mountStep(mount, mountsRequired)),
    ...DEVICES.map(([name, major, minor]): Step => ({
      op: 'device',
      path: `dev/${name}`,
      mode: 0o666,
      major,
      minor,
    })),
    ...LINKS.map(([path, target]): Step => ({ op: 'symlink', target, path })),
  ]
}
