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
import type { SpawnPlan } from '../../chroot-runner/plan.ts'
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
import { PipeWatch } from './pipes.ts'
import { reportsOf, startPlan, stepFailed, type PlanEnd, type PlanRunner } from './plans.ts'
import type { Domain, Processes } from './processes.ts'
import { Report } from './report.ts'

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

export interface AppPlace {
  name: string
  /** The app's place in the life record. */
  place: number
  log: AppLog
}

/** What a process is begun with. */
interface Start {
  plan: SpawnPlan
  /** Its ends of the pipes, which are ours until it has begun. */
  theirs: number[]
}

/** Everything but the process itself, which `begin` starts. Throws when there can be none; nothing is left open then. */
export function openProcess(
  tools: ProcessTools,
  app: AppPlace,
  image: Image,
  handler: ProcessHandler,
): AppProcess {
  const { root, isolation, generation, manifest } = image
  const { content, digest } = tools.resolvConf()
  const cgroup = makeCgroup(tools, app.name)
  const about = { name: app.name, root, isolation, cgroup, manifest, resolvConf: content }
  const plan = tools.plans.app(about)
  const { ours, theirs } = openAppPipes(tools)
  const [stdout, stderr, report] = ours
  const note: ProcessNote = {
    ...{ generation, isolation, startedAt: timestamp(tools.clock), endedAt: null },
    stopSignal: signalNumber(manifest.config.StopSignal) ?? SIGTERM,
    ...{ resolvConf: digest, hasInit: reportsOf(tools.plans, plan).hasInit, failure: null },
    fds: { stdout, stderr, report },
  }
  const life = new AppProcess(tools, app, { note, root }, handler, { plan, theirs })
  try {
    life.watch((error) => {
      throw error
    })
    return life
  } catch (error) {
    life.close()
    throw error
  }
}

/** Goes on with a process of the life before. What can't be watched of it is done without. */
export function adoptProcess(
  tools: ProcessTools,
  app: AppPlace,
  inherited: { note: ProcessNote; root: string },
  handler: ProcessHandler,
): AppProcess {
  const life = new AppProcess(tools, app, inherited, handler, null)
  life.watch((error) =>
    tools.log.error({ err: error, app: app.name }, 'a pipe of this app is lost'),
  )
  life.adopt()
  return life
}

export class AppProcess {
  /** What the next life must know. A refresh changes `resolvConf`. */
  readonly note: ProcessNote
  readonly root: string
  readonly #tools: ProcessTools
  readonly #app: AppPlace
  readonly #handler: ProcessHandler
  readonly #outputs: PipeWatch[] = []
  #report: Report | null = null
  #pid: number | null = null
  /** Until its plan is done: plans are large. */
  #start: Start | null

  constructor(
    tools: ProcessTools,
    app: AppPlace,
    { note, root }: { note: ProcessNote; root: string },
    handler: ProcessHandler,
    start: Start | null,
  ) {
    this.#tools = tools
    this.#app = app
    this.note = note
    this.root = root
    this.#handler = handler
    this.#start = start
  }

  /** null before it has begun, and once the main process has been reaped; others may be left for a moment. */
  pid(): number | null {
    return this.#pid
  }

  /** Starts it; its note is written by then. Throws when there could be no process. */
  begin(): void {
    if (this.#start === null) throw new Error('BUG: a process that begins twice')
    const { plan, theirs } = this.#start
    this.#pid = startPlan(this.#tools, plan, theirs, this.#app.place, (end) => this.#ended(end))
    this.#closeTheirs()
  }

  adopt(): void {
    this.#pid = this.#tools.reaper.adopt(this.#app.place, (end) => this.#ended(end))
  }

  terminate(): void {
    this.#signal(this.note.stopSignal)
  }
  kill(): void {
    this.#signal(SIGKILL)
  }
  /** Whatever else may end its processes. */
  endAll(): void {
    this.kill()
    this.#tools.processes.end(this.#domain())
  }

  /** Closes what is still open, once no note names it. */
  close(): void {
    this.#closeTheirs()
    for (const output of this.#outputs) output.stop()
    this.#report?.stop()
    for (const fd of Object.values(this.note.fds)) closeKept(this.#tools.life, fd)
  }

  /** Reads what it writes and reports; `failed` is told what can't be read. */
  watch(failed: (error: unknown) => void): void {
    const { native, buffer } = this.#tools
    const attempt = (work: () => void): void => {
      try {
        work()
      } catch (error) {
        failed(error)
      }
    }
    for (const stream of ['stdout', 'stderr'] as const)
      attempt(() => {
        const fd = this.note.fds[stream]
        this.#outputs.push(new PipeWatch(native, fd, () => this.#readLog(stream, fd)))
      })
    attempt(() => {
      this.#report = new Report(native, this.note.fds.report, buffer, {
        hasInit: this.note.hasInit,
        explain: (step, errno) => this.#explain(step, errno),
        started: () => this.#started(),
        failed: (why) => this.#failed(why),
      })
    })
  }

  #signal(number: number): void {
    if (this.#pid !== null) kill(this.#tools.native, this.#pid, number)
  }

  #closeTheirs(): void {
    for (const fd of this.#start?.theirs.splice(0) ?? []) closeSync(fd)
  }

  #domain(): Domain {
    const { isolation } = this.note
    return { root: this.root, isolation, cgroup: makeCgroup(this.#tools, this.#app.name) }
  }

  /** A bug there ends the app. */
  #readLog(stream: LogStream, fd: number): number | null {
    let count: number | null = null
    this.#handler.guard(() => (count = this.#app.log.read(stream, fd)))
    return count
  }

  #explain(step: number, errno: number): string {
    if (this.#start === null) return stepFailed(step, errno)
    return reportsOf(this.#tools.plans, this.#start.plan).explain(step, errno)
  }

  #started(): void {
    this.#start = null
    this.#handler.guard(() => this.#handler.started())
  }

  #failed(why: string): void {
    this.note.failure ??= noteText(why, 'failure')
    this.#handler.guard(() => this.#handler.changed())
  }

  #ended(end: ProcessEnd): void {
    this.#pid = null
    const mainEnd = this.#report?.finish() ?? null
    const at = (this.note.endedAt ??= timestamp(this.#tools.clock))
    this.#handler.guard(() => this.#handler.changed())
    clear(this.#tools, this.#app.name, this.#domain(), this.#handler, () => {
      this.#handler.guard(() => this.#drain())
      this.#handler.ended({ end: mainEnd ?? end, failure: this.note.failure, at })
    })
  }

  #drain(): void {
    for (const output of this.#outputs) output.drain(LAST_READS_MAX)
    this.#app.log.flush()
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
