// The node's mounts, in order, as data.
import type { Mount } from '../../sys/mount.ts'

export interface BootMount extends Mount {
  /** Tried when the kernel finds the data invalid. */
  simplerData?: string
}

/** What /dev becomes where the kernel's own device file system is refused or missing. */
export const DEV_TMPFS: Mount = {
  source: 'dev',
  target: '/dev',
  fstype: 'tmpfs',
  flags: ['noSuid', 'noExec'],
  data: 'mode=0755,size=64k',
}

/**
 * /run and /dev/shm allow executing: where the kernel has no memfd, the loader keeps libraries there.
 * The tmpfs sizes are caps, not reservations; 10% is 25 MB on the smallest machine, and apps have
 * file systems of their own.
 */
export const MOUNTS: readonly BootMount[] = [
  {
    source: 'proc',
    target: '/proc',
    fstype: 'proc',
    flags: ['noSuid', 'noDev', 'noExec'],
    data: '',
  },
  {
    source: 'sysfs',
    target: '/sys',
    fstype: 'sysfs',
    flags: ['noSuid', 'noDev', 'noExec'],
    data: '',
  },
  {
    source: 'devtmpfs',
    target: '/dev',
    fstype: 'devtmpfs',
    flags: ['noSuid', 'noExec'],
    data: 'mode=0755',
  },
  {
    source: 'devpts',
    target: '/dev/pts',
    fstype: 'devpts',
    flags: ['noSuid', 'noExec'],
    data: 'newinstance,ptmxmode=0666,mode=0620,gid=5',
    simplerData: 'newinstance,ptmxmode=0666',
  },
  {
    source: 'shm',
    target: '/dev/shm',
    fstype: 'tmpfs',
    flags: ['noSuid', 'noDev'],
    data: 'mode=1777,size=10%',
  },
  {
    source: 'run',
    target: '/run',
    fstype: 'tmpfs',
    flags: ['noSuid', 'noDev'],
    data: 'mode=0755,size=10%',
  },
  {
    source: 'tmp',
    target: '/tmp',
    fstype: 'tmpfs',
    flags: ['noSuid', 'noDev', 'noExec'],
    data: 'mode=1777,size=10%',
  },
  {
    source: 'cgroup2',
    target: '/sys/fs/cgroup',
    fstype: 'cgroup2',
    flags: ['noSuid', 'noDev', 'noExec'],
    data: '',
  },
]
