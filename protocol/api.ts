// The management protocol's wire types, shared by node and client. Times are RFC 3339 UTC strings,
// sizes bytes, durations milliseconds (the unit is the name's last word).

export type AppStateName =
  'unpacking' | 'starting' | 'running' | 'backing-off' | 'stopping' | 'stopped'
export type Isolation = 'namespaces' | 'chroot'

/** How the app's last process ended. Exactly one of exitCode and signal is set. */
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

/** PID 1's own use of the machine. */
export interface InitStatus {
  residentBytes: number
  /** What the kernel can't drop: anonymous memory and the share of shared memory; null before Linux 4.14. */
  unreclaimableBytes: number | null
  /** Processes that nobody else waited for, since the start. */
  orphansReaped: number
}

export interface NodeStatus {
  version: string
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
  manage: string[]
}
