// The apps of this node: what runs, what the operator may ask for, and how it all begins and ends.
import { hash } from 'node:crypto'
import { rmdirSync } from 'node:fs'
import { isAppName } from '../../protocol/app-name.ts'
import { createLogs } from '../logs/app-log.ts'
import type { ResolvConf } from './app-process.ts'
import type { State as AppState } from './app.ts'
import { AppError } from './apps.ts'
import { beginLife } from './begin-life.ts'
import type { Clock } from './clock.ts'
import { deploy, operatingError, rollback, type DeployTools } from './deploy.ts'
import { createGenerations } from './generations.ts'
import { openSink } from './image-pump.ts'
import { createMounts } from './mounts.ts'
import { nativeJournal } from './native-journal.ts'
import type { Supervisor, SupervisorOptions } from './options.ts'
import { createProcesses } from './processes.ts'
import { refreshResolvConf } from './refresh.ts'
import { restore } from './restore.ts'
import { createRunner, type RunnerTools } from './runner.ts'
import { slotStatus, type Operation, type Slot } from './slot.ts'
import { createTurns } from './turns.ts'
import { startAndTry, stopAndWait, stopToStart } from './trial.ts'

/** How long a new generation must stay up before its push has succeeded. */
export const TRIAL_MS = 5_000
/** The grace period (10 s), SIGKILL, and some time for the kernel. */
export const STOP_ALL_MS_MAX = 15_000
const READ_BUFFER_BYTES = 64 * 1024

type Tools = RunnerTools & DeployTools

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { opened, paths, limits, clock, log, isolation } = options
  const { state } = opened
  const slots = new Map<string, Slot>()
  const logs = createLogs({
    ...{ dir: paths.logs, limits: limits.logs, wallMs: () => clock.wallMs() },
    journal: options.journal ?? nativeJournal(options.native),
  })
  let resolvConf = resolvConfOf('')
  const tools = makeTools(options, () => resolvConf)
  const { generations } = tools
  const restored = restore(opened, generations, log)
  let tidied = Promise.resolve()
  let shuttingDown = false

  const addSlot = (name: string, initial: AppState): Slot => {
    const appLog = logs.open(name)
    const runner = createRunner(tools, name, appLog, initial)
    const slot: Slot = {
      name,
      runner,
      log: appLog,
      current: null,
      previous: null,
      operation: null,
      removing: null,
    }
    slots.set(name, slot)
    // The name servers may have changed while its plan was being run.
    runner.onChange(() => refresh(slot))
    return slot
  }
  const refresh = ({ name, runner }: Slot): void => refreshResolvConf(tools, name, runner)
  const status = (slot: Slot): ReturnType<typeof slotStatus> => slotStatus(slot, isolation)
  const existing = (name: string): Slot => {
    const slot = slots.get(name)
    if (slot === undefined)
      throw new AppError('no-such-app', `There is no app ${name} here; cloud ps lists them.`)
    return slot
  }
  const refuseAtTheEnd = (): void => {
    if (shuttingDown) throw new AppError('shutting-down', 'The node is going down.')
  }

  /** One operation of an app at a time; an operation that comes second is refused, not queued. */
  const exclusive = async (
    slot: Slot,
    kind: Operation['kind'],
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> => {
    refuseAtTheEnd()
    if (slot.removing !== null) throw new AppError('busy', `${slot.name} is being removed.`)
    if (slot.operation?.kind === 'push')
      throw new AppError('push-in-progress', `Another push of ${slot.name} is under way.`)
    if (slot.operation !== null)
      throw new AppError('busy', `A ${slot.operation.kind} of ${slot.name} is under way.`)
    const cancel = new AbortController()
    const { promise, resolve } = Promise.withResolvers<undefined>()
    slot.operation = { kind, cancel, done: promise }
    try {
      await work(cancel.signal)
    } catch (error) {
      throw operatingError(error)
    } finally {
      slot.operation = null
      resolve(undefined)
    }
  }

  /** Of an app that has no generation: nothing stays. */
  const forget = async (slot: Slot): Promise<void> => {
    await generations.discardApp(slot.name)
    slot.log.remove()
    drop(slot)
  }
  /** Its place in the life record goes last: what is left of it without one, nobody would look for. */
  const drop = (slot: Slot): void => {
    removeCgroup(paths.cgroups, slot.name)
    if (slots.get(slot.name) === slot) slots.delete(slot.name)
    slot.runner.release()
  }

  /** What can't be deleted now is unknown to the next start, which deletes it. */
  const forgetFailed = async (slot: Slot): Promise<void> => {
    try {
      await forget(slot)
    } catch (error) {
      log.error(
        { err: error, app: slot.name },
        'the rest of a failed push stays until the next start',
      )
      drop(slot)
    }
  }

  const remove = async (slot: Slot): Promise<void> => {
    const { name, operation } = slot
    operation?.cancel.abort(new AppError('cancelled', `${name} was removed.`))
    await operation?.done
    await stopAndWait(clock, slot)
    state.deleteApp(name)
    slot.current = slot.previous = null
    await forget(slot)
  }

  return {
    list: () =>
      [...slots.values()].map(status).sort((one, other) => (one.name < other.name ? -1 : 1)),
    get: (name) => status(existing(name)),

    async deploy(push) {
      refuseAtTheEnd()
      if (!isAppName(push.name)) throw new AppError('bad-name', `${push.name} can't be a name.`)
      const slot = slots.get(push.name) ?? addSlot(push.name, { name: 'unpacking' })
      await exclusive(slot, 'push', async (signal) => {
        try {
          await deploy(tools, slot, push, signal)
        } catch (error) {
          if (slot.current === null) await forgetFailed(slot)
          throw error
        }
      })
      return status(slot)
    },

    async remove(name) {
      refuseAtTheEnd()
      const slot = existing(name)
      slot.removing ??= remove(slot).finally(() => (slot.removing = null))
      try {
        await slot.removing
      } catch (error) {
        throw operatingError(error)
      }
    },

    async restart(name) {
      const slot = existing(name)
      await exclusive(slot, 'restart', async (signal) => {
        await stopToStart(clock, slot, signal)
        signal.throwIfAborted()
        await startAndTry(clock, slot, { ms: 0, signal, onStarted: () => undefined })
      })
      return status(slot)
    },

    async rollback(name, onProgress) {
      const slot = existing(name)
      await exclusive(slot, 'rollback', (signal) => rollback(tools, slot, signal, onProgress))
      return status(slot)
    },

    tail: (name, count) => existing(name).log.tail(count),
    follow: (name, listener) => existing(name).log.follow(listener),

    start() {
      const isOver = (): boolean => shuttingDown
      tidied = beginLife({ ...tools, restored, logs, slots, addSlot, drop, isOver })
    },
    tidied: () => tidied,

    refreshResolvConf(content) {
      resolvConf = resolvConfOf(content)
      for (const slot of slots.values()) refresh(slot)
    },

    async stopAll() {
      shuttingDown = true
      const over = new AppError('shutting-down', 'The node is going down.')
      const ends = [...slots.values()].map(async (slot) => {
        slot.operation?.cancel.abort(over)
        await Promise.all([stopAndWait(clock, slot), slot.operation?.done, slot.removing])
      })
      await withinMs(clock, STOP_ALL_MS_MAX, Promise.allSettled([...ends, tidied]))
      for (const { log: appLog } of slots.values()) appLog.close()
    },
  }
}

const resolvConfOf = (content: string): ResolvConf => ({
  content,
  digest: hash('sha256', content),
})

function makeTools(options: SupervisorOptions, resolvConf: () => ResolvConf): Tools {
  const { life, native, reaper, clock, random, log, plans, paths, limits, isolation } = options
  const mounts = createMounts(native, paths.proc)
  return {
    life,
    native,
    reaper,
    clock,
    random,
    log,
    plans,
    mounts,
    processes: createProcesses(native, paths.proc),
    generations: createGenerations(paths.chroots, mounts),
    turns: createTurns(limits.unpacksMax),
    buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
    openSink: options.openSink ?? openSink,
    state: options.opened.state,
    unpackArgs: options.unpackArgs,
    trialMs: limits.trialMs,
    devNull: paths.devNull,
    proc: paths.proc,
    cgroups: paths.cgroups,
    isolation,
    resolvConf,
  }
}

function removeCgroup(cgroups: string | null, name: string): void {
  if (cgroups === null) return
  try {
    rmdirSync(`${cgroups}/${name}`)
  } catch {
    // There was none, or the kernel is not done with it; an empty cgroup costs nothing.
  }
}

function withinMs(clock: Clock, ms: number, work: Promise<unknown>): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const disarm = clock.after(ms, () => resolve(undefined))
  return Promise.race([work, promise]).finally(disarm)
}
