// A Debian VPS for a test: its own copy of a disk, QEMU around it, and a person who comes in by ssh.
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeScratch } from '../../demo/scratch.ts'
import { ROOT } from '../../demo/tour.ts'
import { userCacheDir } from '../../qemu/cache.ts'
import { debianDisk } from '../../qemu/debian/disk.ts'
import { DEFAULT_SYSTEM, type System } from '../../qemu/debian/system.ts'
import { type Boot, type MachineOptions, OVMF_VARIABLES } from '../../qemu/machine.ts'
import { SshClient } from '../../qemu/ssh-client.ts'
import { startMachine, type Vps } from '../../qemu/vps.ts'
import { copySparse } from '../../qemu/write-log-replay.ts'

/** `boot`: not by its own firmware and boot loader, but as a Xen host hands it a kernel. */
export type StartOptions = Partial<Omit<MachineOptions, 'ports'>> & { boot?: Boot }

const SSH_PORT = 22
/** A Debian's boot in emulation, with sshd at its end, on a busy machine. */
export const LOGIN_MS_MAX = 400_000
const SHUTDOWN_MS_MAX = 180_000

export class DebianGuest {
  readonly dir: string
  readonly disk: string
  readonly ssh: SshClient
  readonly #system: System
  readonly #ports: readonly number[]
  #vps: Vps | null = null

  private constructor(dir: string, ssh: SshClient, system: System, ports: readonly number[]) {
    this.dir = dir
    this.disk = join(dir, 'disk.img')
    this.ssh = ssh
    this.#system = system
    this.#ports = ports
  }

  /** A machine that is off. `ports` of it, beside ssh's, can be reached from here. */
  static async make(
    ports: readonly number[] = [],
    system: System = DEFAULT_SYSTEM,
  ): Promise<DebianGuest> {
    const { image, key } = await debianDisk(userCacheDir(), system, report)
    const dir = await mkdtemp(join(await makeScratch(join(ROOT, 'build/install-tests')), 'guest-'))
    const ssh = await SshClient.make(join(dir, 'person'), key)
    const guest = new DebianGuest(dir, ssh, system, ports)
    await copySparse(image, guest.disk)
    if (system.bootLoader === 'uefi') await copyFile(OVMF_VARIABLES, guest.#variables)
    return guest
  }

  get #variables(): string {
    return join(this.dir, 'uefi-variables')
  }

  get vps(): Vps {
    if (this.#vps === null) throw new Error('BUG: the guest is off')
    return this.#vps
  }

  /** Turns it on; resolves when QEMU runs. A reboot then is one, through the boot loader. */
  async start({ boot, ...options }: StartOptions = {}): Promise<Vps> {
    const firmware: Boot =
      this.#system.bootLoader === 'bios'
        ? { firmware: 'bios' }
        : { firmware: 'uefi', variables: this.#variables }
    await this.#vps?.powerCut()
    const ports = [SSH_PORT, ...this.#ports]
    const machine: MachineOptions = { disk: this.disk, onReboot: 'restart', ...options, ports }
    this.#vps = await startMachine(machine, boot ?? firmware)
    await this.ssh.setAddress(this.#vps.address(SSH_PORT))
    return this.#vps
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
