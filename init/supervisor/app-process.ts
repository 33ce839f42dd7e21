// One life of an app: from its plan, through its output, until no process of it is left.
import { closeSync, mkdirSync, openSync } from 'node:fs'
import type { Isolation } from '../../protocol/api.ts'
import type { Manifest } from '../../protocol/image.ts'
import { kill } from '../../sys/process.ts'
import { signalNumber } from '../../sys/signals.ts'
import type { AppLog } from '../logs/app-log.ts'
import { timestamp, type Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { Mounts } from './mounts.ts'
import { openChildPipe, readPipe, type PipeReader } from './pipes.ts'
import { runPlan, type PlanEnd, type PlanRunner } from './plans.ts'
import type { Processes } from './processes.ts'

const SIGTERM = 15
const SIGKILL = 9
/** A pipe holds 64 KiB, or 1 MiB when the app asked for it: this many reads of the shared buffer. */
const LAST_READS_MAX = 17
/** How often leftover processes are looked for; after the first 5 s, more rarely. */
const CLEAR_MS = 20
const CLEAR_ATTEMPTS_FAST = 250
const CLEAR_MS_SLOW = 1000

export interface ProcessTools extends PlanRunner {
  clock: Clock
  log: Log
  processes: Processes
  mounts: Mounts
  /** What apps read from. */
  devNull: string
  /** The directory below which each app gets a cgroup, or null where there are none. */
  cgroups: string | null
  /** What an app's /etc/resolv.conf says now. */
  resolvConf: () => string
}

/** What a process is made of: one generation of an app. */
export interface Image {
  generation: number
  root: string
  manifest: Manifest
  isolation: Isolation
}

export interface ProcessHandler {
  /** Runs `work`; a bug in it is this app's alone. */
  guard: (work: () => void) => void
  started(): void
  /** No process is left, nothing is mounted, and the log has everything. */
  ended(end: PlanEnd & { at: string }): void
}

export interface AppProcess {
  /** null once the main process has been reaped; others may be left for a moment. */
  pid(): number | null
  readonly startedAt: string
  readonly image: Image
  /** What its /etc/resolv.conf says; a refresh sets it. */
  resolvConf: string
  terminate(): void
  kill(): void
  /** Whatever else may end its processes. */
  endAll(): void
}

/** Throws when there could be no process; nothing is left open then. */
export function startProcess(
  tools: ProcessTools,
  { name, image, log }: { name: string; image: Image; log: AppLog },
  handler: ProcessHandler,
): AppProcess {
  const cgroup = makeCgroup(tools, name)
  const domain = { root: image.root, isolation: image.isolation, cgroup }
  const resolvConf = tools.resolvConf()
  const plan = tools.plans.app({ name, ...domain, manifest: image.manifest, resolvConf })
  let pid: number | null = null

  const output = openOutput(tools, log, handler)
  const finish = (end: PlanEnd, at: string): void => {
    output.finish()
    handler.ended({ ...end, at })
  }
  try {
    pid = runPlan(tools, plan, output.stdio, {
      started: () => handler.guard(() => handler.started()),
      ended: (end) => {
        pid = null
        const at = timestamp(tools.clock)
        clear(tools, name, domain, handler, () => finish(end, at))
      },
    })
  } catch (error) {
    output.finish()
    throw error
  } finally {
    for (const fd of output.stdio) closeSync(fd)
  }
  const signal = (number: number): void => {
    if (pid !== null) kill(tools.native, pid, number)
  }
  return {
    pid: () => pid,
    startedAt: timestamp(tools.clock),
    image,
    resolvConf,
    terminate: () => signal(signalNumber(image.manifest.config.StopSignal) ?? SIGTERM),
    kill: () => signal(SIGKILL),
    endAll() {
      signal(SIGKILL)
      tools.processes.end(domain)
    },
  }
}

function makeCgroup({ cgroups, log }: ProcessTools, name: string): string | null {
  if (cgroups === null) return null
  const path = `${cgroups}/${name}`
  try {
    mkdirSync(path, { recursive: true })
    return path
  } catch (error) {
    log.warn({ err: error, app: name }, 'no cgroup for this app; its processes are found otherwise')
    return null
  }
}

interface Output {
  /** The child's ends. */
  stdio: readonly [number, number, number]
  /** Reads what is still there and closes our ends. */
  finish(): void
}

function openOutput(tools: ProcessTools, log: AppLog, { guard }: ProcessHandler): Output {
  const { native, buffer } = tools
  const opened: number[] = []
  const readers: PipeReader[] = []
  const open = (stream: 'stdout' | 'stderr'): number => {
    const pipe = openChildPipe(native, 'read')
    opened.push(pipe.write)
    readers.push(
      readPipe(native, pipe.read, buffer, {
        bytes: (bytes) => guard(() => log.write(stream, bytes)),
        end: () => undefined,
      }),
    )
    return pipe.write
  }
  try {
    const stdin = openSync(tools.devNull, 'r')
    opened.push(stdin)
    return {
      stdio: [stdin, open('stdout'), open('stderr')],
      finish() {
        for (const reader of readers) {
          reader.drain(LAST_READS_MAX)
          reader.close()
        }
        log.flush()
      },
    }
  } catch (error) {
    for (const fd of opened) closeSync(fd)
    for (const reader of readers) reader.close()
    throw error
  }
}

/**
 * Calls `done` once every process is gone. It is never called before: a second life beside the rest of
 * the first could damage what both write to.
 */
function clear(
  { clock, log, processes, mounts }: ProcessTools,
  name: string,
  domain: { root: string; isolation: Isolation; cgroup: string | null },
  { guard }: ProcessHandler,
  done: () => void,
): void {
  const end = (): number => {
    try {
      return processes.end(domain)
    } catch (error) {
      log.error({ err: error, app: name }, "this app's processes can't be looked for")
      return 1 // Not known to be gone.
    }
  }
  const attempt = (count: number): void => {
    const left = end()
    if (left > 0) {
      if (count === CLEAR_ATTEMPTS_FAST)
        log.error({ app: name, processes: left }, 'processes of this app do not end')
      const ms = count < CLEAR_ATTEMPTS_FAST ? CLEAR_MS : CLEAR_MS_SLOW
      clock.after(ms, () => guard(() => attempt(count + 1)))
      return
    }
    if (domain.isolation === 'chroot') {
      try {
        mounts.detachBelow(domain.root)
      } catch (error) {
        log.error({ err: error, app: name }, "what is mounted in this app's root stays")
      }
    }
    done()
  }
  guard(() => attempt(0))
}
