// Ways to nodes behind ssh: the person's own ssh program and its config forward a socket of ours to the node's.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Tunnels } from './client.ts'
import { CloudError, ExitCode } from './errors.ts'
import { LOCAL_SOCKET, type SshAddress } from './node-address.ts'

const LOOK_MS = 20
const CONNECT_SECONDS = 20
const CONFIG_MS_MAX = 10_000
/** sun_path of unix(7), on the systems where it is the shortest, with its NUL. */
const SOCKET_BYTES_MAX = 104
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const [STDIN, STDERR] = [0, 2]

export class SshTunnels implements Tunnels, Disposable {
  readonly #env: NodeJS.ProcessEnv
  readonly #tunnels = new Map<string, Tunnel>()

  /** `env`: what ssh gets, and where it is found (PATH). */
  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env
  }

  /** One that has ended, as after a reboot of the node, is opened anew. */
  async socketTo(address: SshAddress): Promise<string> {
    let tunnel = this.#tunnels.get(address.text)
    if (tunnel === undefined || tunnel.ended) {
      tunnel?.close()
      if (this.#tunnels.size === 0) this.#watchEnd()
      const timeout = await connectTimeout(address, this.#env)
      tunnel = new Tunnel(address, timeout, this.#env)
      this.#tunnels.set(address.text, tunnel)
    }
    return tunnel.ready()
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#interrupted)
    process.off('exit', this.#close)
    this.#close()
  }

  #watchEnd(): void {
    for (const signal of SIGNALS) process.on(signal, this.#interrupted)
    process.on('exit', this.#close)
  }

  readonly #close = (): void => {
    for (const tunnel of this.#tunnels.values()) tunnel.close()
    this.#tunnels.clear()
  }

  /** Ends this process as if nobody had listened. */
  readonly #interrupted = (signal: NodeJS.Signals): void => {
    this[Symbol.dispose]()
    process.kill(process.pid, signal)
  }
}

class Tunnel {
  readonly #address: SshAddress
  readonly #directory: string
  readonly #ssh: ChildProcess
  /** Why it can't be used (any more). */
  #end: string | null = null

  constructor(address: SshAddress, timeout: readonly string[], env: NodeJS.ProcessEnv) {
    this.#address = address
    this.#directory = privateDirectory()
    const forward = ['-L', `${this.#socket}:${LOCAL_SOCKET}`]
    const alone = ['-o', 'ExitOnForwardFailure=yes', '-o', 'ControlPath=none', ...timeout]
    const words = ['-N', ...alone, ...forward, ...destination(address)]
    // Its questions and its errors are the person's; our standard output may be somebody's data.
    this.#ssh = spawn('ssh', words, { env, stdio: [STDIN, STDERR, STDERR] })
    this.#ssh.once('error', (error) => (this.#end ??= notStarted(error)))
    this.#ssh.once('exit', (code, signal) => {
      this.#end ??= `ssh ended (${signal ?? `exit ${code ?? ''}`}); what it said is above.`
    })
  }

  get ended(): boolean {
    return this.#end !== null
  }

  get #socket(): string {
    return join(this.#directory, 'sock')
  }

  /** Without a limit of time: ssh may wait for a passphrase, and has a limit of its own for the network. */
  async ready(): Promise<string> {
    while (!existsSync(this.#socket) && this.#end === null) await delay(LOOK_MS)
    if (this.#end === null) return this.#socket
    const detail = `${this.#address.text}: ${this.#end}`
    this.close()
    throw new CloudError(ExitCode.unreachable, 'unreachable', detail)
  }

  close(): void {
    if (this.#end === null) this.#ssh.kill('SIGTERM')
    this.#end ??= 'it is closed.'
    // Nobody waits for it any more.
    this.#ssh.unref()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

function notStarted(error: Error): string {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return `ssh: ${error.message}.`
  return 'there is no ssh program in PATH; install OpenSSH, or name the node in another way.'
}

/** Only its owner can enter it (0700). A TMPDIR that is too deep for a socket is not used. */
function privateDirectory(): string {
  const prefix = join(tmpdir(), 'cloud-')
  const fits = Buffer.byteLength(`${prefix}123456/sock`) < SOCKET_BYTES_MAX
  return mkdtempSync(fits ? prefix : '/tmp/cloud-')
}

/** node-address.ts has refused what ssh would take for an option. */
function destination({ user, host, port }: SshAddress): string[] {
  const at = user === null ? host : `${user}@${host}`
  return port === null ? [at] : ['-p', String(port), at]
}

/** An address that does not answer keeps nobody waiting for minutes, unless the person's config says so. */
async function connectTimeout(address: SshAddress, env: NodeJS.ProcessEnv): Promise<string[]> {
  const config = await new Promise<string>((resolve) => {
    const options = { env, timeout: CONFIG_MS_MAX }
    // Before OpenSSH 6.8 there is no -G: then it can't be known.
    execFile('ssh', ['-G', ...destination(address)], options, (error, stdout) =>
      resolve(error === null ? stdout : ''),
    )
  })
  const configured = /^connecttimeout \d/m.test(config)
  return configured ? [] : ['-o', `ConnectTimeout=${CONNECT_SECONDS}`]
}
