// What an app may use and do: resource limits and capabilities, never PID 1's own.
import type { Isolation } from '../protocol/api.ts'
import { capabilityMask, type Capability } from '../sys/capabilities.ts'
import { Rlimit, UNLIMITED } from '../sys/rlimit.ts'
import type { Step } from './plan.ts'

const MIB = 1024 * 1024

/**
 * Soft and hard, as a fresh Linux gives them to PID 1 (INIT_RLIMITS of include/asm-generic/resource.h),
 * with these exceptions: 524,288 descriptors for who asks (as systemd and Docker; more make programs slow
 * that close all they might have), and no core dumps unless an app asks. nproc and sigpending are missing:
 * the kernel derives them from the machine's memory, and PID 1 does not change them.
 */
const LIMITS: readonly [Rlimit, soft: number, hard: number][] = [
  ['cpu', UNLIMITED, UNLIMITED],
  ['fsize', UNLIMITED, UNLIMITED],
  ['data', UNLIMITED, UNLIMITED],
  ['stack', 8 * MIB, UNLIMITED],
  ['core', 0, UNLIMITED],
  ['rss', UNLIMITED, UNLIMITED],
  ['nofile', 1024, 524_288],
  ['memlock', 8 * MIB, 8 * MIB],
  ['as', UNLIMITED, UNLIMITED],
  ['locks', UNLIMITED, UNLIMITED],
  ['msgqueue', 819_200, 819_200],
  ['nice', 0, 0],
  ['rtprio', 0, 0],
  ['rttime', UNLIMITED, UNLIMITED],
]

export function limitSteps(): Step[] {
  return LIMITS.map(([resource, soft, hard]) => ({
    op: 'rlimit',
    resource: Rlimit[resource],
    soft,
    hard,
  }))
}

/**
 * Docker's default bounding set without two. MKNOD: nothing here keeps a device from being opened (Docker
 * has a device cgroup), so an app that is root could make the node's disk in its root and read it.
 * NET_RAW: apps share the node's network, so it would let an app read and forge what the others and the
 * node itself send; in Docker it reaches a network of the container's own.
 */
const CAPABILITIES: readonly Capability[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'AUDIT_WRITE',
  'SETFCAP',
]

/**
 * Without a mount namespace, SYS_CHROOT is the way out of a chroot (chroot(2)). An app that manages the node
 * needs no way out, and its sshd needs the call to hold its own unprivileged part.
 */
export function keptCapabilities(isolation: Isolation, management: boolean): string {
  const chroots = isolation === 'namespaces' || management
  return capabilityMask(CAPABILITIES.filter((name) => chroots || name !== 'SYS_CHROOT'))
}
