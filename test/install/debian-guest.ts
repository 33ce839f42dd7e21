// A Debian VPS for a test: its own copy of a disk, QEMU around it, and a person who comes in by ssh.
import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { getText } from '../../demo/get-text.ts'
import { makeScratch } from '../../demo/scratch.ts'
import { ROOT } from '../../demo/tour.ts'
import type { Cable } from '../../qemu/cable.ts'
import { userCacheDir } from '../../qemu/cache.ts'
import { debianDisk } from '../../qemu/debian/disk.ts'
import { DEFAULT_SYSTEM, type System } from '../../qemu/debian/system.ts'
import { type Boot, type MachineOptions, OVMF_VARIABLES } from '../../qemu/machine.ts'
import { SshClient } from '../../qemu/ssh-client.ts'
import { startMachine, type Vps } from '../../qemu/vps.ts'
import { copySparse } from '../../qemu/write-log-replay.ts'
import { runCloud, stdoutOf } from '../run-cloud.ts'

/** `boot`: not by its own firmware and boot loader, but as a Xen host hands it a kernel. */
export type StartOptions = Partial<Omit<MachineOptions, 'ports' | 'tapOf'>> & { boot?: Boot }

/** What `cloud` calls the guest: `ssh root@guest` leads there too. */
export const NODE = 'ssh://root@guest'
const FILE = join(ROOT, 'build/solocloud')
const SSH_PORT = 22
/** A Debian's boot in emulation, with sshd at its end, on a busy machine. */
export const LOGIN_MS_MAX = 400_000
const SHUTDOWN_MS_MAX = 180_000
/** From `install` to the node, or from the node's reboot to the node again. */
const NODE_MS_MAX = 600_000
const CLOUD_MS_MAX = 400_000
const ANSWER_MS_MAX = 60_000
const POLL_MS = 500

export interface GuestOptions {
  system?: System
  /** Beside ssh's, to reach from here. */
  ports?: readonly number[]
  /** Instead of QEMU's network; `host` is the guest's address, as a URL has it. It ends after the guest. */
  cable?: { end: Cable; host: string }
}

export interface Suspended {
  /** Another machine, in the same state; its person knows what that one's has known. */
  resume: (options?: StartOptions) => Promise<DebianGuest>
}

export class DebianGuest {
  readonly dir: string
  readonly disk: string
  readonly ssh: SshClient
  readonly #options: GuestOptions
  #vps: Vps | null = null

  private constructor(dir: string, ssh: SshClient, options: GuestOptions) {
    this.dir = dir
    this.disk = join(dir, 'disk.img')
    this.ssh = ssh
    this.#options = options
  }

  /** A machine that is off. */
  static async make(options: GuestOptions = {}): Promise<DebianGuest> {
    const { system = DEFAULT_SYSTEM, cable } = options
    const { image, key } = await debianDisk(userCacheDir(), system, report)
    const dir = await mkdtemp(join(await makeScratch(join(ROOT, 'build/install-tests')), 'guest-'))
    const ssh = await SshClient.make(join(dir, 'person'), key, cable?.end.pid)
    const guest = new DebianGuest(dir, ssh, options)
    await copySparse(image, guest.disk)
    if (system.bootLoader === 'uefi') await copyFile(OVMF_VARIABLES, guest.#variables)
    return guest
  }

  get #variables(): string {
    return join(this.dir, 'uefi-variables')
  }

  get #firmware(): Boot {
    const { bootLoader } = this.#options.system ?? DEFAULT_SYSTEM
    if (bootLoader === 'bios') return { firmware: 'bios' }
    return { firmware: 'uefi', variables: this.#variables }
  }

  get vps(): Vps {
    if (this.#vps === null) throw new Error('BUG: the guest is off')
    return this.#vps
  }

  /** Turns it on; resolves when QEMU runs. A reboot then is one, through the boot loader. */
  async start({ boot, ...options }: StartOptions = {}): Promise<Vps> {
    const { ports = [], cable } = this.#options
    const network = cable === undefined ? {} : { tapOf: cable.end.pid }
    await this.#vps?.powerCut()
    this.#vps = await startMachine(
      {
        ...{ disk: this.disk, onReboot: 'restart', ports: [SSH_PORT, ...ports] },
        ...network,
        ...options,
      },
      boot ?? this.#firmware,
    )
    await this.ssh.setAddress(this.#address(SSH_PORT))
    return this.#vps
  }

  /** HOST:PORT of one of its ports, as it is reached from its person's place. */
  #address(port: number): string {
    const { cable } = this.#options
    return cable === undefined ? this.vps.address(port) : `${cable.host}:${port}`
  }

  /** The body of a GET, which must be a 200, to one of its ports; waits until something answers. */
  async get(port: number): Promise<string> {
    const { cable } = this.#options
    const url = `http://${this.#address(port)}/`
    const endMs = performance.now() + ANSWER_MS_MAX
    for (;;) {
      try {
        return await (cable === undefined ? getText(url) : cable.end.get(url))
      } catch (error) {
        if (performance.now() < endMs) await sleep(POLL_MS)
        else throw new Error(`${url}: no answer\n${this.vps.console.tail}`, { cause: error })
      }
    }
  }

  /** Resolves with the time it took, in ms, when a person can log in. Rejects with the console. */
  async waitForLogin(user = 'root'): Promise<number> {
    const { vps } = this
    try {
      return await this.ssh.waitForLogin(LOGIN_MS_MAX, user)
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${vps.console.tail}`, { cause: error })
    }
  }

  /** Copies the built file into root's home. */
  async bring(): Promise<void> {
    await this.ssh.copy(FILE, 'solocloud')
    await this.ssh.get('chmod 755 solocloud; sync')
  }

  /** `./solocloud install`, as root, or with sudo: what it prints until the machine goes down. */
  async install(words: string, user: 'root' | 'debian' = 'root'): Promise<string> {
    const install = `${user === 'root' ? '' : 'sudo '}~root/solocloud install --yes ${words}`
    const { code, stdout, stderr } = await this.ssh.run(install, { user })
    // sshd may go down before it has passed on how the program ended.
    if (code === 0 || (code === 255 && stdout.includes('goes down now'))) return stdout
    throw new Error(`${install}: ended with ${code}\n${stdout}${stderr}`)
  }

  /** Runs `cloud`, as the person whose ssh leads to the guest; standard output of a run that must succeed. */
  async cloud(...words: readonly string[]): Promise<string> {
    const options = { env: this.ssh.environment, timeoutMs: CLOUD_MS_MAX }
    return stdoutOf(words, await runCloud(words, options))
  }

  /** Resolves when a node that has come up since `position` of the console lets its person in. */
  async waitForNode(position: number): Promise<void> {
    await this.vps.console.waitFor(/solocloud: listening on unix:/, NODE_MS_MAX, position)
    await this.waitForLogin()
    // What answers is the app ssh, not the old system.
    const { stdout, stderr } = await this.ssh.run('cat /image.json')
    if (stdout.includes('"management"')) return
    throw new Error(`not the app ssh: ${stdout}${stderr}\n${this.vps.console.tail}`)
  }

  /** Resolves when the old system, booted since `position`, lets its person in. */
  async waitForDebian(position: number): Promise<void> {
    await this.vps.console.waitFor(/Booting `Debian GNU\/Linux'/, NODE_MS_MAX, position)
    await this.waitForLogin()
    const init = await this.ssh.get('cat /proc/1/comm')
    if (init !== 'systemd\n') throw new Error(`not the old system: process 1 is ${init}`)
  }

  /** The host keys that its person has met. */
  async knownHosts(): Promise<string> {
    return readFile(this.ssh.knownHosts, 'utf8')
  }

  /** Ends it as it is; each `resume` of what comes back goes on from there, as often as wanted. */
  async suspend(): Promise<Suspended> {
    const memory = join(this.dir, 'memory')
    await this.vps.suspend(memory)
    return {
      resume: async (options = {}) => {
        const dir = await mkdtemp(join(dirname(this.dir), 'guest-'))
        const ssh = await this.ssh.twin(join(dir, 'person'))
        const guest = new DebianGuest(dir, ssh, this.#options)
        await copySparse(this.disk, guest.disk)
        if (existsSync(this.#variables)) await copyFile(this.#variables, guest.#variables)
        await guest.start({ ...options, resume: memory })
        await guest.waitForLogin()
        return guest
      },
    }
  }

  async powerOff(): Promise<void> {
    await this.vps.powerOff(SHUTDOWN_MS_MAX)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vps?.powerCut()
    await rm(this.dir, { recursive: true, force: true })
  }
}

/** Into the log of the stage. */
function report(line: string): void {
  process.stderr.write(`${line}\n`)
}
