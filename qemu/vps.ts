// The virtual VPS: starts QEMU and drives the guest from outside, as a hoster's control panel would.
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import type { Duplex, Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { atCable } from './cable.ts'
import { Console } from './console.ts'
import type { Kernel } from './kernel.ts'
import { type Boot, type MachineOptions, qemuArguments } from './machine.ts'
import { Qmp, type QmpEvent } from './qmp.ts'

/** A guest whose kernel is handed to it: no boot loader. */
export interface VpsOptions extends MachineOptions {
  kernel: Kernel
  /** Path of an initramfs made by `buildInitramfs`. */
  initramfs: string
  /** More words for the kernel command line, after the ones that make the management port reachable. */
  append?: readonly string[]
}

export interface Exit {
  /** QEMU's ShutdownCause: guest-shutdown, guest-reset, host-qmp-quit ...; null after a kill. */
  reason: string | null
  code: number | null
  signal: NodeJS.Signals | null
}

export const MANAGEMENT_PORT = 5678
/** Emulated, on a busy machine with two cores, a boot takes up to a minute. */
const START_MS_MAX = 120_000
const STOP_MS_MAX = 60_000
const POLL_MS = 100

const KERNEL_WORDS = [
  'console=ttyS0',
  // A panic resets at once: with onReboot 'stop', QEMU ends and every waiter fails with the console.
  'panic=-1',
  `solocloud.manage=0.0.0.0:${MANAGEMENT_PORT}`,
  'solocloud.insecure=yes',
] as const

/** Starts a node; resolves when QEMU runs, which is before the guest's kernel does. */
export async function startVps(options: VpsOptions): Promise<Vps> {
  const { kernel, initramfs, append = [], ports = [], ...machine } = options
  const words = [...KERNEL_WORDS, ...append].join(' ')
  const boot: Boot = { kernel: kernel.image, initramfs, words }
  return startMachine({ ...machine, ports: [MANAGEMENT_PORT, ...ports] }, boot)
}

/** Starts any guest; resolves when QEMU runs. */
export async function startMachine(options: MachineOptions, boot: Boot): Promise<Vps> {
  if (options.writeLog !== undefined) await writeFile(options.writeLog, '')
  // The kernel ends QEMU when the thread that started it ends, even by SIGKILL (PR_SET_PDEATHSIG).
  const qemu = ['qemu-system-x86_64', ...qemuArguments(options, boot)]
  const words = options.tapOf === undefined ? qemu : atCable(options.tapOf, qemu)
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...words], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const vps = new Vps(child, options)
  try {
    await vps.connect()
  } catch (error) {
    await vps.powerCut()
    throw error
  }
  return vps
}

export class Vps {
  readonly console: Console
  readonly #child: ChildProcess
  readonly #qmp: Qmp
  readonly #onReboot: 'stop' | 'restart'
  readonly #forwards = new Map<number, number>()
  readonly #exited: Promise<Exit>
  #stderr = ''
  #reason: string | null = null
  #exit: Exit | null = null

  constructor(child: ChildProcess, options: MachineOptions) {
    this.#child = child
    this.#onReboot = options.onReboot ?? 'stop'
    this.console = new Console(child.stdout as Readable, options.onConsole)
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    this.#qmp = new Qmp(child.stdio[3] as Duplex, (event) => this.#take(event))
    this.#exited = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null) => {
        this.#exit = { reason: this.#reason, code, signal }
        resolve(this.#exit)
      }
      child.once('error', (error) => {
        this.#stderr += error.message
        end(null, null)
      })
      child.once('close', end)
    })
  }

  /** Called once, by `startMachine`: learns the forwarded ports, which proves that QEMU runs. */
  async connect(): Promise<void> {
    const ask = async () => {
      await this.#qmp.execute('qmp_capabilities')
      return this.#qmp.execute('human-monitor-command', { 'command-line': 'info usernet' })
    }
    const failed = this.#exited.then((exit) => {
      throw new Error(`QEMU ended at once (${String(exit.code ?? exit.signal)})\n${this.#stderr}`)
    })
    const table = String(await Promise.race([ask().catch(() => failed), failed]))
    for (const [, host, guest] of table.matchAll(
      /HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)/g,
    )) {
      this.#forwards.set(Number(guest), Number(host))
    }
  }

  /** HOST:PORT here that reaches the guest's `port`, one of the options' ports. */
  address(port: number): string {
    const host = this.#forwards.get(port)
    if (host === undefined) throw new Error(`BUG: port ${port} of the guest is not forwarded`)
    return `127.0.0.1:${host}`
  }

  /** HOST:PORT of the management server, for `cloud`. */
  get manage(): string {
    return this.address(MANAGEMENT_PORT)
  }

  /** Resolves when QEMU has ended. */
  get gone(): Promise<Exit> {
    return this.#exited
  }

  /** Resolves with the time it took, in ms, once the node answers GET /v1/node. */
  async waitForManagement(timeoutMs = START_MS_MAX): Promise<number> {
    return this.waitForHttp(`http://${this.manage}/v1/node`, timeoutMs)
  }

  /** Resolves with the time it took, in ms, once `url` answers 2xx. Rejects with the console. */
  async waitForHttp(url: string, timeoutMs: number): Promise<number> {
    const start = performance.now()
    let last = 'no answer'
    while (performance.now() - start < timeoutMs) {
      if (this.#exit !== null) throw new Error(`the guest has ended\n${this.console.tail}`)
      const left = Math.ceil(timeoutMs - (performance.now() - start))
      // QEMU accepts the connection before the guest listens: a request needs a time limit of its own.
      last = await fetch(url, { signal: AbortSignal.timeout(Math.max(1, Math.min(left, 2000))) })
        .then(async (reply) => {
          await reply.arrayBuffer()
          return reply.ok ? '' : `HTTP ${reply.status}`
        })
        .catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
      if (last === '') return performance.now() - start
      await sleep(POLL_MS)
    }
    throw new Error(`${url}: ${last} after ${timeoutMs} ms\n${this.console.tail}`)
  }

  /** Presses the ACPI power button. */
  async powerButton(): Promise<void> {
    await this.#qmp.execute('system_powerdown')
  }

  /** An interrupt from nowhere: with `unknown_nmi_panic` among its words, the kernel panics. */
  async injectNmi(): Promise<void> {
    await this.#qmp.execute('inject-nmi')
  }

  /** The reset button: nothing is unmounted or synced. Resolves when the guest prints again. */
  async reset(): Promise<void> {
    const { position } = this.console
    await this.#qmp.execute('set-action', { reboot: 'reset' })
    await this.#qmp.execute('system_reset')
    // SeaBIOS answers a reset with one more of its own, which counts as the guest's.
    await this.console.waitFor(/\S/, START_MS_MAX, position)
    if (this.#onReboot === 'stop') await this.#qmp.execute('set-action', { reboot: 'shutdown' })
  }

  /** Writes the guest's memory to `path`, for `resume`, and ends QEMU. The disk then belongs to that file. */
  async suspend(path: string): Promise<void> {
    // Not stopped before: it would come back stopped.
    await this.#qmp.execute('migrate', { uri: `exec:cat >'${path}'` })
    const endMs = performance.now() + STOP_MS_MAX
    for (;;) {
      const { status } = (await this.#qmp.execute('query-migrate')) as { status?: string }
      if (status === 'completed') break
      if (status === 'failed' || performance.now() > endMs)
        throw new Error(`the guest's memory could not be written: ${status ?? 'not begun'}`)
      await sleep(POLL_MS)
    }
    await this.#qmp.execute('quit')
    await this.#exited
  }

  /** Pulls the plug. Resolves when QEMU is gone; also the clean-up for a guest in any state. */
  async powerCut(): Promise<Exit> {
    if (this.#exit === null) this.#child.kill('SIGKILL')
    return this.#exited
  }

  /** How QEMU ended. Rejects with the console when it does not within `timeoutMs`. */
  async waitForExit(timeoutMs = STOP_MS_MAX): Promise<Exit> {
    const timer = new AbortController()
    const late = sleep(timeoutMs, undefined, { signal: timer.signal }).then(() => {
      throw new Error(`the guest still runs after ${timeoutMs} ms\n${this.console.tail}`)
    })
    try {
      return await Promise.race([this.#exited, late])
    } finally {
      timer.abort()
      late.catch(() => undefined)
    }
  }

  /** Power button, and the guest's clean end; nothing to do when it has ended. */
  async powerOff(timeoutMs = STOP_MS_MAX): Promise<Exit> {
    if (this.#exit === null) await this.powerButton()
    return this.waitForExit(timeoutMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.powerCut()
  }

  #take(event: QmpEvent): void {
    const reason = event.data['reason']
    if (event.event === 'SHUTDOWN' && typeof reason === 'string') this.#reason = reason
  }
}
