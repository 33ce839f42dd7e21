// One life of an app: from its plan, through its output, until no process of it is left. It may outlive the
// PID 1 that began it: then the next one adopts it.
//
// What a death leaves, between any two steps:
//   pipes made, or kept             no note names them: the next life closes them (closeUnowned)
//   note written, no child yet      the place has no pid: an exit for a reason that is not known
//   child begun, its ends not yet closed here    adopted; those ends are close-on-exec
//   plan done, or failed, not noted              its report is still in the socket
//   ended, reaped or not, not noted              the place has its wait status (or waitpid will): an exit
//   output read, end not noted      read again to the end that is there already: nothing comes twice
//   end noted, place not forgotten  the note has no process: the place is forgotten
//   place forgotten, pipes not closed            no note names them
import { closeSync, mkdirSync } from 'node:fs'
import type { Isolation, LogStream } from '../../protocol/api.ts'
import type { Manifest } from '../../protocol/image.ts'
import { kill, type ProcessEnd } from '../../sys/process.ts'
import { signalNumber } from '../../sys/signals.ts'
import type { AppLog } from '../logs/app-log.ts'
import { noteText, type ProcessNote } from './app-note.ts'
import { closeKept, openAppPipes, type PipeTools } from './app-pipes.ts'
import { clear } from './clear.ts'
import { timestamp, type Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { Mounts } from './mounts.ts'
import { watchPipe, type Watch } from './pipes.ts'
import { reportsOf, startPlan, stepFailed, type PlanEnd, type PlanRunner } from './plans.ts'
import type { Domain, Processes } from './processes.ts'
import { watchReport, type Report } from './report.ts'

const SIGTERM = 15
const SIGKILL = 9
/** A pipe holds 64 KiB, or 1 MiB when the app asked for it: this many reads of the shared buffer. */
const LAST_READS_MAX = 17

export interface ResolvConf {
  content: string
  digest: string
}

export interface ProcessTools extends PlanRunner, PipeTools {
  clock: Clock
  log: Log
  processes: Processes
  mounts: Mounts
  /** The directory below which each app gets a cgroup, or null where there are none. */
  cgroups: string | null
  /** What an app's /etc/resolv.conf says now. */
  resolvConf: () => ResolvConf
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
  /** The next life must know more of it than its note says. */
  changed(): void
  started(): void
  /** No process is left, nothing is mounted, and the log has everything. Its descriptors are still open. */
  ended(end: PlanEnd & { at: string }): void
}

export interface AppProcess {
  /** What the next life must know. A refresh changes `resolvConf`. */
  readonly note: ProcessNote
  readonly root: string
  /** null before it has begun, and once the main process has been reaped; others may be left for a moment. */
  pid(): number | null
  /** Starts it; its note is written by then. Throws when there could be no process. */
  begin(): void
  terminate(): void
  kill(): void
  /** Whatever else may end its processes. */
  endAll(): void
  /** Closes what is still open, once no note names it. */
  close(): void
}

export interface AppPlace {
  name: string
  /** The app's place in the life record. */
  place: number
  log: AppLog
}

/** Everything but the process itself. Throws when there can be none; nothing is left open then. */
export function openProcess(
  tools: ProcessTools,
  app: AppPlace,
  image: Image,
  handler: ProcessHandler,
): AppProcess {
  const { root, isolation, generation, manifest } = image
  const cgroup = makeCgroup(tools, app.name)
  const resolvConf = tools.resolvConf()
  const { name } = app
  const words = { name, root, isolation, cgroup, manifest, resolvConf: resolvConf.content }
  const plan = tools.plans.app(words)
  const { ours, theirs } = openAppPipes(tools)
  const [stdout, stderr, report] = ours
  const reports = reportsOf(tools.plans, plan)
  const note: ProcessNote = {
    ...{ generation, isolation, startedAt: timestamp(tools.clock), endedAt: null },
    stopSignal: signalNumber(manifest.config.StopSignal) ?? SIGTERM,
    ...{ resolvConf: resolvConf.digest, hasInit: reports.hasInit, failure: null },
    fds: { stdout, stderr, report },
  }
  const domain = { root, isolation, cgroup }
  const held = (): void => theirs.splice(0).forEach((fd) => closeSync(fd))
  try {
    const about = { note, domain, explain: reports.explain }
    const life = supervise(tools, app, about, handler, (error) => {
      throw error
    })
    return {
      ...life.process,
      begin() {
        life.begin((onEnd) => startPlan(tools, plan, theirs, app.place, onEnd))
        held()
      },
      close() {
        held()
        life.process.close()
      },
    }
  } catch (error) {
    held()
    for (const fd of ours) closeKept(tools.life, fd)
    throw error
  }
}

/** Goes on with a process of the life before. What can't be watched of it is done without. */
export function adoptProcess(
  tools: ProcessTools,
  app: AppPlace,
  { note, root }: { note: ProcessNote; root: string },
  handler: ProcessHandler,
): AppProcess {
  const domain = { root, isolation: note.isolation, cgroup: makeCgroup(tools, app.name) }
  const life = supervise(tools, app, { note, domain, explain: stepFailed }, handler, (error) =>
    tools.log.error({ err: error, app: app.name }, 'a pipe of this app is lost'),
  )
  life.begin((onEnd) => tools.reaper.adopt(app.place, onEnd))
  return { ...life.process, begin: () => undefined }
}

interface Supervised {
  process: Omit<AppProcess, 'begin'>
  /** `take` names who is told of the end, and gives the pid. */
  begin(take: (onEnd: (end: ProcessEnd) => void) => number | null): void
}

function supervise(
  tools: ProcessTools,
  { name, log }: AppPlace,
  about: { note: ProcessNote; domain: Domain; explain: (step: number, errno: number) => string },
  handler: ProcessHandler,
  failed: (error: unknown) => void,
): Supervised {
  const { native, life, buffer } = tools
  const { note, domain } = about
  const { guard } = handler
  let pid: number | null = null
  const readers: Watch[] = []
  let report: Report | null = null
  const stop = (): void => {
    for (const reader of readers) reader.stop()
    report?.stop()
  }
  const open = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      failed(error)
    }
  }
  const output = (stream: LogStream): void => {
    const fd = note.fds[stream]
    readers.push(watchPipe(native, fd, () => readLog(log, stream, fd, guard)))
  }
  const watch = (): void => {
    open(() => output('stdout'))
    open(() => output('stderr'))
    open(() => {
      report = watchReport(native, note.fds.report, buffer, {
        hasInit: note.hasInit,
        explain: about.explain,
        started: () => guard(() => handler.started()),
        failed(why) {
          note.failure ??= noteText(why, 'failure')
          guard(() => handler.changed())
        },
      })
    })
  }
  try {
    watch()
  } catch (error) {
    stop()
    throw error
  }
  const finish = (end: ProcessEnd, at: string): void => {
    guard(() => {
      for (const reader of readers) reader.drain(LAST_READS_MAX)
      log.flush()
    })
    handler.ended({ end, failure: note.failure, at })
  }
  const ended = (end: ProcessEnd): void => {
    pid = null
    const mainEnd = report?.finish() ?? null
    const at = (note.endedAt ??= timestamp(tools.clock))
    guard(() => handler.changed())
    clear(tools, name, domain, handler, () => finish(mainEnd ?? end, at))
  }
  const signal = (number: number): void => {
    if (pid !== null) kill(native, pid, number)
  }
  return {
    begin(take) {
      pid = take(ended)
    },
    process: {
      note,
      root: domain.root,
      pid: () => pid,
      terminate: () => signal(note.stopSignal),
      kill: () => signal(SIGKILL),
      endAll() {
        signal(SIGKILL)
        tools.processes.end(domain)
      },
      close() {
        stop()
        for (const fd of Object.values(note.fds)) closeKept(life, fd)
      },
    },
  }
}

/** A bug there ends the app. */
function readLog(
  log: AppLog,
  stream: LogStream,
  fd: number,
  guard: ProcessHandler['guard'],
): number | null {
  let count: number | null = null
  guard(() => (count = log.read(stream, fd)))
  return count
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
