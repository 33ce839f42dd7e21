// `make boot`: a node in QEMU, with the three examples.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buildDisk, needsRecovery } from '../qemu/disk.ts'
import { buildInitramfs } from '../qemu/initramfs.ts'
import { fetchKernel } from '../qemu/kernel.ts'
import { startVps } from '../qemu/vps.ts'
import { getText } from './get-text.ts'
import { makeScratch } from './scratch.ts'
import { show } from './show.ts'
import { EXAMPLES, INIT, ROOT, say } from './tour.ts'

const scratch = await makeScratch(join(ROOT, 'build/boot'))

await show(
  async (onConsole) => {
    const kernel = await fetchKernel(join(ROOT, '.cache/kernel'), say)
    const initramfs = join(scratch, 'initramfs.cpio')
    const disk = join(scratch, 'disk.img')
    await buildInitramfs(kernel, initramfs)
    await buildDisk(disk, { init: INIT, kernel })
    const ports = EXAMPLES.map(({ port }) => port)
    const append = ['quiet']
    const vps = await startVps({ kernel, initramfs, disk, ports, append, onConsole })
    const url = (port: number) => `http://${vps.address(port)}/`
    return {
      manage: vps.manage,
      get: (port) => getText(url(port)),
      hint: (port) => `curl ${url(port)}`,
      hints: ['build/cloud poweroff'],
      gone: vps.gone,
      waitForManagement: () => vps.waitForManagement(),
      powerOff: async () => {
        await vps.powerOff()
        if (await needsRecovery(disk)) throw new Error('the disk was not unmounted')
      },
      kill: () => vps.powerCut(),
    }
  },
  () => rm(scratch, { recursive: true, force: true }),
)
