// Mounts what /etc/fstab has beside the root, and uses its swap: what was on the machine's other disks is there
// for the node too. Before the state is opened, for /var may be among it. What is refused is told and survived.
import type { Native } from '../../sys/native.ts'
import { parseMountInfo } from '../../sys/mount-info.ts'
import { swapOn } from '../../sys/swap.ts'
import type { KernelModules } from '../modules/kernel-modules.ts'
import type { NodeNotes } from '../node-notes.ts'
import type { Clock } from '../supervisor/clock.ts'
import type { Log } from '../supervisor/log.ts'
import type { BlockDevice } from './block-devices.ts'
import { fileSystemModules } from './file-system-modules.ts'
import { findDevice, needsScan } from './find-device.ts'
import { parseFstab } from './fstab.ts'
import { fstabFiles, type FstabFiles } from './fstab-files.ts'
import type { MountInChild } from './mount-child.ts'
import { planFstab, waitsFor, type FstabTask, type MountTask } from './fstab-plan.ts'

export interface FstabTools {
  native: Native
  log: Log
  modules: KernelModules
  mount: MountInChild
  clock: Pick<Clock, 'nowMs' | 'after'>
  notes: NodeNotes
  files?: FstabFiles
}

/** On a machine that isn't ours, and without a file, both do nothing. What fails is told, not thrown. */
export interface Fstab {
  /** All whose device is there, after waiting for those that must be. What is missing, one sentence each. */
  mountEarly: () => Promise<string[]>
  /** What may be missing (`nofail`), once the hardware is there. */
  mountLate: () => Promise<void>
}

/** From one disk controller's module to the last disk behind it. */
const DEVICE_MS_MAX = 10_000
const POLL_MS = 200
/** In JSON: a note of the life record has 4 KiB. */
const SENTENCES_BYTES_MAX = 3000
const SENTENCE_LENGTH_MAX = 240
const NOTE = 'fstab'
const LIFE_ENDED = '/etc/fstab: init died of it; the rest is not mounted before the next boot'

/** Written before each pass too: a disk may end a life by the watchdog, and the next one must do without. */
interface Note {
  early: 'begun' | 'done'
  late: boolean
  degraded: string[]
}

export function createFstab(tools: FstabTools): Fstab {
  const { native, log, modules, notes } = tools
  const known = (): Note | null => notes.read(NOTE) as Note | null
  const write = (note: Note): void => notes.write(NOTE, note)
  const applies = (): boolean => native.ownsMachine() === 1

  return {
    async mountEarly() {
      const before = known()
      if (!applies()) return []
      if (before !== null) return before.early === 'done' ? before.degraded : [LIFE_ENDED]
      write({ early: 'begun', late: false, degraded: [] })
      const pass = new Pass(tools, 'all')
      await pass.run()
      if (pass.lacksRequired()) {
        await modules.loadHardware()
        await pass.repeat('required')
      }
      const degraded = shorten(pass.sentences())
      for (const sentence of degraded) log.warn({}, sentence)
      write({ early: 'done', late: false, degraded })
      return degraded
    },

    async mountLate() {
      const before = known()
      if (!applies() || before === null || before.late) return
      write({ ...before, late: true })
      const pass = new Pass(tools, 'may fail')
      await pass.run()
      await pass.repeat('all')
    },
  }
}

function shorten(sentences: readonly string[]): string[] {
  const shown: string[] = []
  let left = SENTENCES_BYTES_MAX
  for (const sentence of sentences) {
    const short = `/etc/fstab: ${sentence}`.slice(0, SENTENCE_LENGTH_MAX)
    left -= Buffer.byteLength(JSON.stringify(short)) + 1
    if (left < 0) return [...shown, `/etc/fstab: and ${sentences.length - shown.length} more`]
    shown.push(short)
  }
  return shown
}

/** One reading of the file, and what is left to do of it. */
class Pass {
  readonly #tools: FstabTools
  readonly #files: FstabFiles
  readonly #problems: string[] = []
  #pending: FstabTask[] = []

  constructor(tools: FstabTools, which: 'all' | 'may fail') {
    this.#tools = tools
    this.#files = tools.files ?? fstabFiles
    try {
      const { entries, problems } = parseFstab(this.#files.fstab() ?? '')
      const plan = planFstab(entries)
      this.#problems.push(...problems, ...plan.problems)
      this.#pending = plan.tasks.filter(({ wish }) => which === 'all' || wish.mayFail)
      if (which !== 'all') this.#problems.length = 0
    } catch (error) {
      this.#problems.push((error as Error).message)
    }
  }

  /** True when something waits for its device that may not be missing. */
  lacksRequired(): boolean {
    return this.#pending.some(({ wish }) => !wish.mayFail)
  }

  /** What has gone wrong, and what is still missing though it may not be. */
  sentences(): string[] {
    const missing = this.#pending.filter(({ wish }) => !wish.mayFail)
    return [...this.#problems, ...missing.map((task) => failed(task, 'its device is not there'))]
  }

  /** Does what can be done now. */
  async run(): Promise<void> {
    const devices = this.#scanner()
    const tasks = this.#pending
    this.#pending = []
    for (const task of tasks) {
      const ready = !waitsFor(task, this.#pending)
      if (!ready || !(await this.#tryTask(task, devices))) this.#pending.push(task)
    }
  }

  /** Again and again, until it has taken too long or nothing is left: of what is required, or of all. */
  async repeat(until: 'required' | 'all'): Promise<void> {
    const { clock } = this.#tools
    const endMs = clock.nowMs() + DEVICE_MS_MAX
    const waits = (): boolean =>
      until === 'required' ? this.lacksRequired() : this.#pending.length > 0
    await this.run()
    while (waits() && clock.nowMs() < endMs) {
      await new Promise<void>((resolve) => void clock.after(POLL_MS, resolve))
      await this.run()
    }
  }

  /** False when its device is not there yet. What fails otherwise is told, and done with. */
  async #tryTask(task: FstabTask, devices: () => BlockDevice[]): Promise<boolean> {
    const { log } = this.#tools
    try {
      if (task.kind === 'mount' && this.#isMounted(task.target)) return true
      const scanned = needsScan(task.source) ? devices() : []
      const paths = findDevice(task.source, scanned, (path) => this.#files.exists(path))
      const [path] = paths
      if (path === undefined) return false
      if (paths.length > 1) throw new Error(`${paths.join(' and ')} both have its name`)
      if (task.kind === 'swap') this.#useSwap(path, task)
      else await this.#mount(path, task, devices)
    } catch (error) {
      const sentence = failed(task, (error as Error).message)
      if (task.wish.mayFail) log.info({}, sentence)
      else this.#problems.push(sentence)
    }
    return true
  }

  async #mount(source: string, task: MountTask, devices: () => BlockDevice[]): Promise<void> {
    const { log, modules, mount } = this.#tools
    const { wish } = task
    const fstype = task.fstype === 'auto' ? contentOf(source, devices()) : task.fstype
    this.#files.makeDirectory(task.target)
    const target = this.#files.resolve(task.target)
    const filesystems = this.#files.proc('filesystems')
    await modules.loadNamed(...fileSystemModules(fstype, wish.data, filesystems))
    await mount({ source, target, fstype, flags: wish.flags, data: wish.data })
    log.info({ source, target, fstype }, 'mounted')
  }

  #useSwap(path: string, { wish }: FstabTask & { kind: 'swap' }): void {
    const { native, log } = this.#tools
    try {
      swapOn(native, { path, priority: wish.priority, discard: wish.discard })
      log.info({ path }, 'used for swap')
    } catch (error) {
      // In use, by an earlier pass or life.
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
    }
  }

  /** Looks at the devices when they are first asked for. */
  #scanner(): () => BlockDevice[] {
    let known: BlockDevice[] | null = null
    return () => (known ??= this.#files.devices())
  }

  /** By the initramfs, or by an earlier pass. */
  #isMounted(target: string): boolean {
    if (!this.#files.exists(target)) return false
    const place = this.#files.resolve(target)
    const entries = parseMountInfo(this.#files.proc('self/mountinfo'))
    return entries.some((entry) => entry.target === place)
  }
}

function contentOf(path: string, devices: readonly BlockDevice[]): string {
  const fstype = devices.find((device) => device.path === path)?.content?.fstype
  if (fstype === undefined) throw new Error(`${path} holds no file system that a node knows`)
  return fstype
}

const failed = (task: FstabTask, why: string): string =>
  task.kind === 'mount'
    ? `${task.target} is not mounted from ${task.source}: ${why}`
    : `${task.source} is not used for swap: ${why}`
