// The management protocol's wire types, shared by node and client. Times are RFC 3339 UTC strings,
// sizes bytes, durations milliseconds (the unit is the name's last word).

import type { InstallationStatus } from './installation.ts'

export type AppStateName =
  'unpacking' | 'starting' | 'running' | 'backing-off' | 'stopping' | 'stopped'
export type Isolation = 'namespaces' | 'chroot'

/** How the app's last process ended: by exitCode or by signal; both are null when a death of PID 1 has hidden it. */
export interface LastExit {
  exitCode: number | null
  /** 'SIGKILL' and the like. */
  signal: string | null
  at: string
}

export interface AppStatus {
  name: string
  state: AppStateName
  isolation: Isolation
  pid: number | null
  /** When the current process was started; null when there is none. */
  startedAt: string | null
  restarts: number
  lastExit: LastExit | null
  /** What went wrong last, in one sentence; null when nothing did. */
  error: string | null
  generation: number
  /** The generation that `rollback` goes back to. */
  previousGeneration: number | null
  /** sha256 of the uncompressed tar, `sha256:hex`. */
  digest: string
  version: string | null
  /** Its image says `management`: who gets into it may manage the node. */
  management: boolean
  /** True while a push of this app is under way beside the running one. */
  deploying: boolean
}

export type LogStream = 'stdout' | 'stderr'
export interface LogLine {
  at: string
  stream: LogStream
  line: string
}
/** Stands where a follower that read too slowly lost lines. */
export interface LogGap {
  at: string
  droppedLines: number
}
/** One line of GET /v1/apps/{name}/logs (application/x-ndjson). */
export type LogEvent = LogLine | LogGap

/** One line of a push's progress (application/x-ndjson). The last is `running` or `error`. */
export type Progress =
  | { event: 'waiting'; reason: string }
  | { event: 'unpacking'; bytes: number; entries: number }
  | { event: 'unpacked'; digest: string; bytes: number; entries: number; generation: number }
  | { event: 'stopping'; generation: number }
  | { event: 'starting'; generation: number }
  | { event: 'started'; pid: number; isolation: Isolation }
  | { event: 'rolling-back'; generation: number; reason: string }
  | { event: 'running'; app: AppStatus }
  | { event: 'error'; problem: Problem; logs: LogLine[] }

/** RFC 9457 problem details; `code` is stable and for programs, `detail` says what to do next. */
export interface Problem {
  type: 'about:blank'
  title: string
  status: number
  code: string
  detail: string
}

/** What became of the last upgrade of this boot; `reason` says why it went back, or what it lacks. */
export interface UpgradeStatus {
  state: 'none' | 'trial' | 'confirmed' | 'went-back'
  reason: string | null
}

/**
 * One line of an upgrade's progress (application/x-ndjson). The last is `restarting`, after which GET /v1/node
 * tells how it ends, or `error`.
 */
export type UpgradeProgress =
  | { event: 'receiving'; bytes: number; totalBytes: number }
  | { event: 'checking' }
  | { event: 'testing' }
  | { event: 'waiting'; reason: string }
  | { event: 'restarting'; version: string; life: number }
  | { event: 'error'; problem: Problem; logs: LogLine[] }

/** What a purge of the old system has done. */
export interface Purged {
  /** Files, links and directories. */
  entries: number
  freedBytes: number
  /** Some of what could not be removed, and why. */
  left: { path: string; reason: string }[]
  leftCount: number
  /** Mounted file systems that were left alone. */
  otherMounts: string[]
}

/** One line of a purge's progress (application/x-ndjson). The last is `purged` or `error`. */
export type PurgeProgress =
  | { event: 'removing'; entries: number; freedBytes: number }
  | ({ event: 'purged' } & Purged)
  | { event: 'error'; problem: Problem; logs: LogLine[] }

/** PID 1's file, and its own use of the machine. */
export interface InitStatus {
  version: string
  upgrade: UpgradeStatus
  residentBytes: number
  /** What the kernel can't drop: anonymous memory and the share of shared memory; null before Linux 4.14. */
  unreclaimableBytes: number | null
  /** Processes that nobody else waited for, since the start. */
  orphansReaped: number
  /** Open ones. */
  descriptors: number
}

export interface NodeStatus {
  version: string
  /** 1 from the boot on; one more after each death or upgrade of PID 1. */
  life: number
  hostname: string
  kernel: string
  architecture: string
  uptimeMs: number
  bootedAt: string
  memory: { totalBytes: number; availableBytes: number }
  disk: { totalBytes: number; freeBytes: number; freeInodes: number }
  isolation: Isolation
  /** What the machine did not allow at boot: one sentence each. */
  degraded: string[]
  addresses: string[]
  apps: { total: number; running: number }
  init: InitStatus
  /** null on a node that was not installed over anything. */
  installation: InstallationStatus | null
  manage: string[]
}

/** One death of PID 1, which a new life of it followed. */
export interface CrashReport {
  at: string
  /** The life that ended; 1 from the boot on. */
  life: number
  /** Of that life. */
  uptimeMs: number
  /** 'SIGSEGV', 'uncaught exception', 'hang', 'process.exit', 'upgrade not confirmed' ... */
  reason: string
  /** What the fault was about, as in '0x10'; null when it was no fault. */
  address: string | null
  /** The innermost first; each an address in PID 1's file. */
  nativeStack: string[]
  /** JavaScript's own words, with its stack where there is one. */
  jsStack: string | null
  /** The thread that ended it. */
  thread: string | null
  /** Of the node's software. */
  version: string
}

/** A boot of the machine that is over. */
export interface BootEnd {
  startedAt: string
  version: string
  /** Null: it was not shut down. The machine was reset, lost its power, or its kernel gave up. */
  shutDown: { how: 'reboot' | 'power-off'; reason: string; at: string } | null
  /** The end of the kernel's last words, where the firmware kept them (pstore). */
  panic: string | null
}

/** GET /v1/node/crashes. Both newest first. */
export interface NodeHistory {
  crashes: CrashReport[]
  boots: BootEnd[]
}
