// Makes the four disks that the guests boot from.
import { join } from 'node:path'
import { command } from '../qemu/command.ts'
import { buildDisk } from '../qemu/disk.ts'
import { startVps } from '../qemu/vps.ts'
import type { Disks } from './boots.ts'
import { writeDisk, writeDiskWithApp } from './debian-disk.ts'
import type { Machine } from './guest.ts'
import type { BenchImage } from './images.ts'
import { cloud, INIT } from './solocloud.ts'

const ANSWER_MS_MAX = 60_000

/** Writes the disks into `scratch`; both apps get installed by their own system, in a guest. */
export async function makeDisks(
  machine: Machine,
  tree: string,
  image: BenchImage,
  scratch: string,
): Promise<Disks> {
  const path = (name: string) => join(scratch, `${name}.img`)
  const ours = { fresh: path('ours'), withApp: path('ours-app') }
  const theirs = { fresh: path('theirs'), withApp: path('theirs-app') }
  await buildDisk(ours.fresh, { init: INIT, kernel: machine.kernel })
  await command('cp', ['--sparse=always', ours.fresh, ours.withApp])
  await push(machine, ours.withApp, image)
  await writeDisk(tree, theirs.fresh)
  await writeDiskWithApp(tree, image, theirs.withApp, machine)
  return { ours, theirs }
}

async function push(machine: Machine, disk: string, image: BenchImage): Promise<void> {
  await using vps = await startVps({ ...machine, disk, ports: [image.port] })
  await vps.waitForManagement()
  await cloud('start', vps.manage, image.ours.zstd)
  await vps.waitForHttp(`http://${vps.address(image.port)}/`, ANSWER_MS_MAX)
  await vps.powerOff()
}
