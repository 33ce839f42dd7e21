// The parsers of protocol/api.ts: what a client accepts from a node.
import type {
  AppStatus,
  BootEnd,
  CrashReport,
  LastExit,
  LogEvent,
  LogGap,
  LogLine,
  NodeHistory,
  NodeStatus,
  Problem,
  Progress,
  PurgeProgress,
  UpgradeProgress,
  UpgradeStatus,
} from './api.ts'
import { installationStatus } from './installation.ts'
import { amount, boolean, list, nullable, oneOf, record, string, time } from './decode.ts'
import type { Decoder } from './decode.ts'

const isolation = oneOf('namespaces', 'chroot')

/** A node of before it had this says nothing of it. */
const flag: Decoder<boolean> = (value, path) => value !== undefined && boolean(value, path)

const lastExit = record<LastExit>({
  exitCode: nullable(amount),
  signal: nullable(string),
  at: time,
})

export const appStatus = record<AppStatus>({
  name: string,
  state: oneOf('unpacking', 'starting', 'running', 'backing-off', 'stopping', 'stopped'),
  isolation,
  pid: nullable(amount),
  startedAt: nullable(time),
  restarts: amount,
  lastExit: nullable(lastExit),
  error: nullable(string),
  generation: amount,
  previousGeneration: nullable(amount),
  digest: string,
  version: nullable(string),
  management: flag,
  deploying: boolean,
})

export const appStatuses = list(appStatus)

const upgradeStatus = record<UpgradeStatus>({
  state: oneOf('none', 'trial', 'confirmed', 'went-back'),
  reason: nullable(string),
})

export const nodeStatus = record<NodeStatus>({
  version: string,
  life: amount,
  hostname: string,
  kernel: string,
  architecture: string,
  uptimeMs: amount,
  bootedAt: time,
  memory: record({ totalBytes: amount, availableBytes: amount }),
  disk: record({ totalBytes: amount, freeBytes: amount, freeInodes: amount }),
  isolation,
  degraded: list(string),
  addresses: list(string),
  apps: record({ total: amount, running: amount }),
  init: record({
    version: string,
    upgrade: upgradeStatus,
    residentBytes: amount,
    unreclaimableBytes: nullable(amount),
    orphansReaped: amount,
    descriptors: amount,
  }),
  installation: (value, path) => nullable(installationStatus)(value ?? null, path),
  manage: list(string),
})

export const crashReport = record<CrashReport>({
  at: time,
  life: amount,
  uptimeMs: amount,
  reason: string,
  address: nullable(string),
  nativeStack: list(string),
  jsStack: nullable(string),
  thread: nullable(string),
  version: string,
})

const shutDown = record({ how: oneOf('reboot', 'power-off'), reason: string, at: time })

export const bootEnd = record<BootEnd>({
  startedAt: time,
  version: string,
  shutDown: nullable(shutDown),
  panic: nullable(string),
})

export const nodeHistory = record<NodeHistory>({
  crashes: list(crashReport),
  boots: list(bootEnd),
})

const logLine = record<LogLine>({ at: time, stream: oneOf('stdout', 'stderr'), line: string })
const logGap = record<LogGap>({ at: time, droppedLines: amount })

export const logEvent: Decoder<LogEvent> = (value, path) =>
  typeof value === 'object' && value !== null && 'droppedLines' in value
    ? logGap(value, path)
    : logLine(value, path)

const logLines: Decoder<LogLine[]> = (value, path) =>
  value === undefined ? [] : list(logLine)(value, path)

export const problem = record<Problem>({
  type: oneOf('about:blank'),
  title: string,
  status: amount,
  code: string,
  detail: string,
})

/** A problem as an answer of its own (application/problem+json): `logs` is our extension member. */
export const problemReport = (value: unknown, path: string) => ({
  problem: problem(value, path),
  logs: record<{ logs: LogLine[] }>({ logs: logLines })(value, path).logs,
})

/** A decoder for each event of a union. */
type EventDecoders<P extends { event: string }> = {
  readonly [E in P['event']]: Decoder<Extract<P, { event: E }>>
}

/** null for an event that only a newer node knows. */
function byEvent<P extends { event: string }>(decoders: EventDecoders<P>): Decoder<P | null> {
  const known = new Map<string, Decoder<P>>(Object.entries(decoders))
  return (value, path) => {
    const { event } = record<{ event: string }>({ event: string })(value, path)
    return known.get(event)?.(value, path) ?? null
  }
}

const errorEvent = record({ event: oneOf('error'), problem, logs: logLines })

/** One line of a push's progress. */
export const progress = byEvent<Progress>({
  waiting: record({ event: oneOf('waiting'), reason: string }),
  unpacking: record({ event: oneOf('unpacking'), bytes: amount, entries: amount }),
  unpacked: record({
    event: oneOf('unpacked'),
    digest: string,
    bytes: amount,
    entries: amount,
    generation: amount,
  }),
  stopping: record({ event: oneOf('stopping'), generation: amount }),
  starting: record({ event: oneOf('starting'), generation: amount }),
  started: record({ event: oneOf('started'), pid: amount, isolation }),
  'rolling-back': record({ event: oneOf('rolling-back'), generation: amount, reason: string }),
  running: record({ event: oneOf('running'), app: appStatus }),
  error: errorEvent,
})

/** One line of an upgrade's progress. */
export const upgradeProgress = byEvent<UpgradeProgress>({
  receiving: record({ event: oneOf('receiving'), bytes: amount, totalBytes: amount }),
  checking: record({ event: oneOf('checking') }),
  testing: record({ event: oneOf('testing') }),
  waiting: record({ event: oneOf('waiting'), reason: string }),
  restarting: record({ event: oneOf('restarting'), version: string, life: amount }),
  error: errorEvent,
})

/** One line of a purge's progress. */
export const purgeProgress = byEvent<PurgeProgress>({
  removing: record({ event: oneOf('removing'), entries: amount, freedBytes: amount }),
  purged: record({
    event: oneOf('purged'),
    entries: amount,
    freedBytes: amount,
    left: list(record({ path: string, reason: string })),
    leftCount: amount,
    otherMounts: list(string),
  }),
  error: errorEvent,
})
