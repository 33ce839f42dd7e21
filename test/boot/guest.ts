// A guest for a test: a fresh disk with build/init on it, and QEMU around it.
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buildDisk, type DiskContents } from '../../qemu/disk.ts'
import { buildInitramfs } from '../../qemu/initramfs.ts'
import { fetchKernel, type Kernel } from '../../qemu/kernel.ts'
import { startVps, type Vps, type VpsOptions } from '../../qemu/vps.ts'
import { makeScratch } from '../../demo/scratch.ts'

/** `disk`: another than the one it was made with. */
export type GuestOptions = Partial<
  Pick<
    VpsOptions,
    'disk' | 'volumes' | 'memoryMb' | 'ports' | 'append' | 'writeLog' | 'firmwareStore' | 'onReboot'
  >
>

const ROOT = join(import.meta.dirname, '../..')

export class Guest {
  readonly dir: string
  readonly disk: string
  readonly #kernel: Kernel
  readonly #initramfs: string

  private constructor(dir: string, kernel: Kernel) {
    this.dir = dir
    this.disk = join(dir, 'disk.img')
    this.#kernel = kernel
    this.#initramfs = join(dir, 'initramfs.cpio')
  }

  /** A machine that has never been on. `diskMb`: 2 GB by default. `more`: what else its disk holds. */
  static async make(
    diskMb?: number,
    more: Omit<DiskContents, 'init' | 'kernel'> = {},
  ): Promise<Guest> {
    const kernel = await fetchKernel(join(ROOT, '.cache/kernel'), () => undefined)
    const dir = await mkdtemp(join(await makeScratch(join(ROOT, 'build/boot-tests')), 'guest-'))
    const guest = new Guest(dir, kernel)
    await buildInitramfs(kernel, guest.#initramfs)
    const init = join(ROOT, 'build/init')
    // As on an installed machine, which has an init of its own beside it.
    const files = { ...more.files, 'sbin/solocloud': init }
    await buildDisk(guest.disk, { ...more, init, kernel, files }, diskMb)
    return guest
  }

  /** Turns it on; resolves when its management port answers. */
  async start(options: GuestOptions = {}): Promise<Vps> {
    const vps = await startVps({
      kernel: this.#kernel,
      initramfs: this.#initramfs,
      disk: this.disk,
      ...options,
    })
    try {
      await vps.waitForManagement()
      return vps
    } catch (error) {
      await vps.powerCut()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true })
  }
}
