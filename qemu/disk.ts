// Makes the guest's root disk: ext4 with /sbin/init, empty directories and the modules PID 1 may load.
import { chmod, copyFile, link, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { command } from './command.ts'
import { moduleFiles } from './initramfs.ts'
import type { Kernel } from './kernel.ts'

export interface DiskContents {
  /** The file that becomes /sbin/init. */
  init: string
  kernel: Kernel
  /** More files: path in the guest to path here. */
  files?: Readonly<Record<string, string>>
  /** More kernel modules than every node's. */
  modules?: readonly string[]
  /** Kernel modules are .ko.xz files, as CentOS has them. */
  packsModules?: boolean
}

/** What PID 1 loads: the power button, the network, a watchdog. */
const NODE_MODULES = ['button', 'virtio_net', 'softdog'] as const
const DIRECTORIES = ['dev', 'etc', 'proc', 'run', 'sys', 'tmp', 'var', 'chroots'] as const
const SIZE_MB_DEFAULT = 2048

/** Writes a sparse ext4 image to `path`. Needs neither root nor a loop device. */
export async function buildDisk(
  path: string,
  contents: DiskContents,
  sizeMb: number = SIZE_MB_DEFAULT,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const root = await mkdtemp(join(tmpdir(), 'solocloud-disk-'))
  await chmod(root, 0o755)
  const partial = `${path}.partial`
  try {
    await stage(root, contents)
    await rm(partial, { force: true })
    // No lazy initialisation: the guest's disk must be idle from the start.
    const extended = 'root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0'
    const words = ['mke2fs', '-q', '-t', 'ext4', '-E', extended, '-d', root, partial, `${sizeMb}M`]
    // mke2fs copies owners; in a user namespace of its own, what is ours is root's.
    const asRoot = process.getuid?.() === 0 ? [] : ['unshare', '--map-root-user']
    const [file = '', ...args] = [...asRoot, ...words]
    await command(file, args, { env: { ...process.env, PATH: systemPath() } })
    await rename(partial, path)
  } finally {
    await rm(root, { recursive: true, force: true })
    await rm(partial, { force: true })
  }
}

/** True when the file system was not unmounted: its journal must be replayed at the next mount. */
export async function needsRecovery(path: string): Promise<boolean> {
  const text = await command('dumpe2fs', ['-h', path], {
    env: { ...process.env, PATH: systemPath() },
  })
  const features = /^Filesystem features:(.*)$/m.exec(text)?.[1]
  if (features === undefined) throw new Error(`${path}: dumpe2fs names no features`)
  return features.includes('needs_recovery')
}

/** Throws with e2fsck's words when the (unmounted) file system has an error. */
export async function checkDisk(path: string): Promise<void> {
  await command('e2fsck', ['-f', '-n', path], { env: { ...process.env, PATH: systemPath() } })
}

/** A file of the (unmounted) file system as text; '' when there is none. */
export async function readFileOnDisk(disk: string, path: string): Promise<string> {
  return command('debugfs', ['-R', `cat ${path}`, disk], {
    env: { ...process.env, PATH: systemPath() },
  })
}

/** An ordinary user's PATH lacks the directories where e2fsprogs lives. */
const systemPath = (): string => `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

async function stage(root: string, contents: DiskContents): Promise<void> {
  const { init, kernel, files = {} } = contents
  for (const name of DIRECTORIES) await mkdir(join(root, name))
  await mkdir(join(root, 'sbin'))
  await place(init, join(root, 'sbin/init'))
  const modules = join('lib/modules', kernel.version)
  for (const file of await moduleFiles(kernel, [...NODE_MODULES, ...(contents.modules ?? [])])) {
    const [from, to] = [join(kernel.modulesDir, file), join(root, modules, file)]
    await (contents.packsModules === true ? packModule(from, to) : place(from, to))
  }
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    await place(join(kernel.modulesDir, name), join(root, modules, name))
  }
  await command('depmod', ['-b', root, kernel.version], {
    env: { ...process.env, PATH: systemPath() },
  })
  for (const [target, source] of Object.entries(files)) await place(source, join(root, target))
}

/** A hard link where the file system allows it: the file is 120 MB. */
async function place(source: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  await link(source, target).catch(() => copyFile(source, target))
}

/** As the kernel's scripts/Makefile.modinst does. */
async function packModule(source: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  await copyFile(source, target)
  await command('xz', ['--check=crc32', '--lzma2=dict=1MiB', target])
}
