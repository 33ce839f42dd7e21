// The peer's disks: the Debian tree as it is, and with the app installed as a podman container of systemd's.
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { command } from '../qemu/command.ts'
import { startVps, type VpsOptions } from '../qemu/vps.ts'
import { run } from '../qemu/debian/tree.ts'
import type { BenchImage } from './images.ts'
import { inTree } from '../qemu/sandbox.ts'

/** The size of the solocloud guest's disk. */
const DISK_MB = 2048

/** Writes an ext4 image with the files, owners and modes of `tree` to `path`. Needs root. */
export async function writeDisk(tree: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  // No lazy initialisation: the guest's disk must be idle from the start.
  const extended = 'lazy_itable_init=0,lazy_journal_init=0'
  await command('mke2fs', ['-qFt', 'ext4', '-E', extended, '-d', tree, path, `${DISK_MB}M`])
}

/** Bytes in use on an unmounted ext4 image, as df counts them: without the file system's own tables. */
export async function usedBytes(path: string): Promise<number> {
  const text = await command('dumpe2fs', ['-h', path])
  const field = (name: string): number => {
    const value = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]
    if (value === undefined) throw new Error(`${path}: dumpe2fs shows no '${name}'`)
    return Number(value)
  }
  const blocks = field('Block count') - field('Overhead clusters') - field('Free blocks')
  return blocks * field('Block size')
}

// `podman generate systemd` is how Debian 12's podman makes a unit (Quadlet came with 4.4). Without --new the
// unit starts the container that is already there, which is the faster of the two.
const INSTALL = `#!/bin/sh
set -ex
podman load -q -i /archive
podman create --network=host --name "$1" "$2"
podman generate systemd --name "$1" >"/etc/systemd/system/container-$1.service"
systemctl enable "container-$1.service"
systemctl disable install-app.service
rm /archive /install-app /etc/systemd/system/install-app.service
systemctl poweroff --no-block
`
const INSTALL_MS_MAX = 300_000

function installUnit({ app, tag }: BenchImage): string {
  return `[Unit]
After=network.target
[Service]
Type=oneshot
ExecStart=/bin/sh /install-app ${app} ${tag}
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
[Install]
WantedBy=multi-user.target
`
}

/**
 * Writes a disk like `writeDisk`, on which systemd starts `image` as a container at boot. podman creates a
 * container only under the systemd that will run it, so the guest boots once to do this.
 */
export async function writeDiskWithApp(
  tree: string,
  image: BenchImage,
  path: string,
  machine: Pick<VpsOptions, 'kernel' | 'initramfs'>,
): Promise<void> {
  const dir = await mkdtemp(`${tree}.app-`)
  try {
    await command('cp', ['-a', `${tree}/.`, dir])
    await copyFile(image.theirs.zstd, join(dir, 'archive'))
    await writeFile(join(dir, 'install-app'), INSTALL)
    await writeFile(join(dir, 'etc/systemd/system/install-app.service'), installUnit(image))
    await run(inTree(dir, ['systemctl', 'enable', 'install-app.service']))
    await writeDisk(dir, path)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
  await using guest = await startVps({ ...machine, disk: path })
  await guest.waitForExit(INSTALL_MS_MAX)
  if (!guest.console.text.includes('systemctl poweroff')) {
    throw new Error(`the app was not installed\n${guest.console.tail}`)
  }
}
