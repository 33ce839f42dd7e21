// What a runner of the model works with.
import type { AppLog } from '../../init/logs/app-log.ts'
import type { Image } from '../../init/supervisor/app-process.ts'
import type { Log } from '../../init/supervisor/log.ts'
import type { Processes } from '../../init/supervisor/processes.ts'
import type { Reaper } from '../../init/supervisor/reaper.ts'
import type { RunnerTools } from '../../init/supervisor/runner.ts'
import type { Manifest } from '../../protocol/image.ts'
import { readAvailable } from '../../sys/pipe.ts'
import { NULL_PATH } from './descriptors.ts'
import type { ModelMachine } from './machine.ts'
import { modelPlans } from './model-child.ts'

const SIGKILL = 9
const BUFFER = Buffer.alloc(4096)
const MANIFEST = { config: { StopSignal: 'SIGTERM' } } as unknown as Manifest
const RESOLV_CONF = { content: '', digest: '' }

export const rootOf = (name: string, generation: number): string => `/${name}/${generation}`

/** Every second generation is of the chroot tier. */
export function modelImage(name: string, generation: number): Image {
  const isolation = generation % 2 === 0 ? 'namespaces' : 'chroot'
  return { generation, root: rootOf(name, generation), manifest: MANIFEST, isolation }
}

export interface RunnerToolsOptions {
  reaper: Reaper
  random: () => number
  /** It does not look for what a process has left behind. */
  blind: boolean
  /** Called before there is no place in the life record. */
  placeFails: () => void
}

export function runnerTools(
  machine: ModelMachine,
  name: string,
  { reaper, random, blind, placeFails }: RunnerToolsOptions,
): RunnerTools {
  const { native, life, pidOne } = machine
  const claim = (): number => {
    if (machine.claimsFailing > 0) placeFails()
    return reaper.claim()
  }
  return {
    ...{ native, life, reaper: { ...reaper, claim }, plans: modelPlans, buffer: BUFFER },
    ...{ devNull: NULL_PATH, clock: machine.clock.of(name), random, log: modelLog(machine) },
    processes: pidOne.gate(blind ? { end: () => 0 } : modelProcesses(machine)),
    mounts: { below: () => [], detachBelow: () => undefined },
    cgroups: null,
    resolvConf: () => RESOLV_CONF,
  }
}

/** Without cgroups: by the root of every process, and a pid namespace ends with its init. */
function modelProcesses(machine: ModelMachine): Processes {
  return {
    end({ root, isolation }) {
      if (isolation === 'namespaces') return 0
      const all = [...machine.children.values()]
      const there = all.filter((one) => one.root === root && one.status === null)
      for (const child of there) machine.signal(child, SIGKILL)
      return there.length
    },
  }
}

export function modelAppLog({ native }: ModelMachine): AppLog {
  const nothing = (): undefined => undefined
  return {
    ...{ attach: nothing, adopt: nothing, redo: nothing, flush: nothing, close: nothing },
    ...{ remove: nothing, tail: () => [], since: () => [], mark: () => 0 },
    follow: () => nothing,
    read: (_, fd) => readAvailable(native, fd, BUFFER),
  }
}

/** A bug that PID 1 finds in itself is one. */
export function modelLog(machine: ModelMachine): Log {
  const { pidOne } = machine
  return {
    info: () => undefined,
    warn: () => undefined,
    error({ err }, message) {
      const text = `${message}: ${err instanceof Error ? err.message : ''}`
      if (/BUG|a bug/.test(text) && !pidOne.dead) machine.violated(text)
    },
  }
}
