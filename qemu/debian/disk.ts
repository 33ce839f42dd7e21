// Makes a Debian VPS's disk: partitioned, with file systems, and its own boot loader put on it by itself.
import { mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { cached } from '../cache.ts'
import { command } from '../command.ts'
import { inTree } from '../sandbox.ts'
import { startMachine } from '../vps.ts'
import { copySparse } from '../write-log-replay.ts'
import { DISK_MB, fstab, type Partition, partitions, sfdiskScript } from './partitions.ts'
import { commands, files, type System } from './system.ts'
import { debianTree, digestOf, type Report, run, writeFiles } from './tree.ts'
import { xfsPrototype } from './xfs-prototype.ts'

export interface DebianDisk {
  /** A raw image; copy it before a guest writes to it. */
  image: string
  /** The private key that opens its accounts. */
  key: string
}

/** To be raised when a disk is made otherwise from the same data. */
const FORM = 1
const INSTALLER = 'install-boot-loader.sh'
const INSTALL_MS_MAX = 600_000
const MB = 1024 ** 2

/** The disk of such a system in `cacheDir` (absolute). Made at the first call: minutes, root and network. */
export async function debianDisk(
  cacheDir: string,
  system: System,
  report: Report,
): Promise<DebianDisk> {
  const installer = await readFile(join(import.meta.dirname, INSTALLER), 'utf8')
  const list = partitions(system)
  const recipe = [FORM, system, files(system, ''), commands(system), list, installer]
  const tree = await debianTree(cacheDir, system, report)
  const dir = await cached(
    cacheDir,
    'debian-disk',
    digestOf([recipe, basename(tree)]),
    async (partial) => {
      await mkdir(partial)
      const root = join(partial, 'root')
      try {
        const key = await makeKey(partial)
        report('the settings of a VPS')
        await command('cp', ['-a', '--reflink=auto', tree, root])
        await configure(root, system, list, key)
        await writeFile(join(root, INSTALLER), installer, { mode: 0o755 })
        report(
          `the disk: ${list.map((one) => `${one.fileSystem} on ${one.mountPoint}`).join(', ')}`,
        )
        const kernel = await takeKernel(root, partial)
        await writeImage(join(partial, 'disk.img'), root, system, list)
        report('the boot loader, which a guest puts onto its own disk')
        await installBootLoader(partial, kernel, list)
      } finally {
        await rm(root, { recursive: true, force: true })
      }
    },
  )
  return { image: join(dir, 'disk.img'), key: join(dir, 'key') }
}

/** The text of the public key. */
async function makeKey(dir: string): Promise<string> {
  const path = join(dir, 'key')
  await command('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', path])
  return readFile(`${path}.pub`, 'utf8')
}

async function configure(
  root: string,
  system: System,
  list: readonly Partition[],
  publicKey: string,
): Promise<void> {
  await writeFiles(root, { ...files(system, publicKey), '/etc/fstab': fstab(list) })
  for (const words of commands(system)) await run(inTree(root, words))
}

interface KernelFiles {
  kernel: string
  initramfs: string
}

/** Copies of what the guest would boot by itself, had it a boot loader. */
async function takeKernel(root: string, dir: string): Promise<KernelFiles> {
  const names = await readdir(join(root, 'boot'))
  const take = async (prefix: string): Promise<string> => {
    const name = names.find((one) => one.startsWith(prefix))
    if (name === undefined) throw new Error(`debootstrap has left no /boot/${prefix}*`)
    const path = join(dir, prefix)
    await command('cp', [join(root, 'boot', name), path])
    return path
  }
  return { kernel: await take('vmlinuz'), initramfs: await take('initrd') }
}

async function writeImage(
  image: string,
  root: string,
  system: System,
  list: readonly Partition[],
): Promise<void> {
  await writeFile(image, '')
  await truncate(image, DISK_MB * MB)
  await writeFile(`${image}.sfdisk`, sfdiskScript(system, list))
  await command('sh', ['-c', 'sfdisk -q "$1" <"$1.sfdisk"', 'sh', image])
  await rm(`${image}.sfdisk`)
  // What is mounted in another is on a partition of its own.
  for (const partition of list) {
    const dir = `${image}.${partition.mountPoint === '/' ? 'root' : 'part'}`
    await mkdir(join(root, partition.mountPoint), { recursive: true })
    await rename(join(root, partition.mountPoint), dir)
    if (partition.mountPoint !== '/') await mkdir(join(root, partition.mountPoint))
    await writePartition(image, partition, dir)
    await rm(dir, { recursive: true })
  }
}

async function writePartition(image: string, partition: Partition, dir: string): Promise<void> {
  const { fileSystem, uuid, startMb, sizeMb } = partition
  const part = `${image}.part.img`
  await writeFile(part, '')
  await truncate(part, sizeMb * MB)
  if (fileSystem === 'ext4') {
    // No lazy initialisation: the guest's disk must be idle from the start.
    const extended = 'root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0'
    await command('mke2fs', ['-qF', '-t', 'ext4', '-U', uuid, '-E', extended, '-d', dir, part])
  } else if (fileSystem === 'xfs') {
    await writeFile(`${part}.prototype`, await xfsPrototype(dir))
    await command('mkfs.xfs', ['-q', '-m', `uuid=${uuid}`, '-p', `${part}.prototype`, part])
    await rm(`${part}.prototype`)
  } else {
    await command('mkfs.vfat', ['-i', uuid.replace('-', ''), part])
  }
  const place = [`if=${part}`, `of=${image}`, 'bs=1M', `seek=${startMb}`, 'conv=sparse,notrunc']
  await command('dd', ['status=none', ...place])
  await rm(part)
}

async function installBootLoader(
  dir: string,
  { kernel, initramfs }: KernelFiles,
  list: readonly Partition[],
): Promise<void> {
  const root = list.find(({ mountPoint }) => mountPoint === '/')?.uuid ?? ''
  const words = `console=ttyS0 quiet panic=-1 root=UUID=${root} rw init=/${INSTALLER}`
  const disk = join(dir, 'disk.img')
  await using guest = await startMachine({ disk }, { kernel, initramfs, words })
  await guest.console.waitFor(/^the boot loader is in place\r?$/m, INSTALL_MS_MAX)
  await guest.waitForExit()
  await rm(kernel)
  await rm(initramfs)
  // Its zeros become holes again.
  await copySparse(disk, `${disk}.sparse`)
  await rename(`${disk}.sparse`, disk)
}
