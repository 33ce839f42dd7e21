// A cable with a guest at one end, and at the other a network of the test's own: nobody gives out addresses there, and
// none needs to be IPv4, unlike in QEMU's network.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { command } from './command.ts'

/** The device at this end, in a network namespace that dies with its process. */
export const TAP = 'tap0'

// Duplicate address detection would wait for the guest: QEMU is the carrier.
const MAKE = `set -e
ip link set lo up
ip tuntap add dev ${TAP} mode tap
for address; do
  case $address in *:*) ip address add "$address" dev ${TAP} nodad;; *) ip address add "$address" dev ${TAP};; esac
done
ip link set ${TAP} up
echo made
exec cat`
const GET_MS_MAX = 10_000
const GET = `fetch(process.argv[1]).then(async (reply) => {
  if (!reply.ok) throw new Error('HTTP ' + reply.status)
  process.stdout.write(await reply.text())
})`

/** Words that run `words` at this end of the cable of a process. */
export function atCable(pid: number, words: readonly string[]): string[] {
  return ['nsenter', `--net=/proc/${pid}/ns/net`, '--', ...words]
}

export class Cable {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** With these addresses, prefix lengths included, at this end. Needs root. */
  static async make(addresses: readonly string[]): Promise<Cable> {
    const words = ['unshare', '--net', '--', 'sh', '-c', MAKE, 'sh', ...addresses]
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...words], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`no cable could be made: ended with ${String(code)}`)
    })
    await Promise.race([once(child.stdout, 'data'), ended])
    ended.catch(() => undefined)
    return new Cable(child)
  }

  /** Whose network the cable ends in. */
  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error('BUG: a process without a pid')
    return pid
  }

  /** The body of an HTTP answer that is no error. */
  async get(url: string): Promise<string> {
    const [file = '', ...rest] = atCable(this.pid, [process.execPath, '-e', GET, url])
    return command(file, rest, { timeoutMs: GET_MS_MAX })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }
}
