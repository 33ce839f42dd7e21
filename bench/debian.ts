// Makes the peer's root file system with debootstrap, from Debian's own packages, and keeps it in the cache.
import { createHash } from 'node:crypto'
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { command } from '../qemu/command.ts'
import { bootstrap, run, writeFiles } from '../qemu/debian/tree.ts'
import { moduleFiles } from '../qemu/initramfs.ts'
import type { Kernel } from '../qemu/kernel.ts'
import { cached } from '../qemu/cache.ts'
import * as debian from './debian-files.ts'
import { inTree } from '../qemu/sandbox.ts'

type Report = (line: string) => void

/**
 * The directory, in `cacheDir` (absolute), of a configured Debian without any container image. Made at the
 * first call, which takes minutes and needs root and the network.
 */
export async function debianTree(
  cacheDir: string,
  kernel: Kernel,
  report: Report,
): Promise<string> {
  return cached(cacheDir, 'debian', recipeDigest(kernel), async (tree) => {
    report(`debootstrap: Debian ${debian.SUITE} with ${debian.PACKAGES.join(', ')} (minutes, once)`)
    await bootstrap(tree, { suite: debian.SUITE, mirror: debian.MIRROR, packages: debian.PACKAGES })
    await configure(tree)
    await addModules(tree, kernel)
  })
}

function recipeDigest(kernel: Kernel): string {
  const recipe = JSON.stringify([{ ...debian }, kernel.version])
  return createHash('sha256').update(recipe).digest('hex').slice(0, 12)
}

/** The versions of the packages that the table names, as `podman 4.3.1+ds1-8`. */
export async function debianVersions(tree: string): Promise<string[]> {
  const query = ['dpkg-query', '-W', '-f', '${Package} ${Version}\\n', ...debian.NAMED_PACKAGES]
  return (await run(inTree(tree, query))).trim().split('\n')
}

async function configure(tree: string): Promise<void> {
  await writeFiles(tree, debian.FILES)
  const systemctl = async (verb: string, units: readonly string[]) =>
    run(inTree(tree, ['systemctl', verb, ...units]))
  await systemctl('disable', debian.DISABLED)
  await systemctl('mask', debian.MASKED)
  await systemctl('enable', debian.ENABLED)
  await run(inTree(tree, ['apt-get', 'clean']))
  await rm(join(tree, 'var/lib/apt/lists'), { recursive: true })
}

async function addModules(tree: string, kernel: Kernel): Promise<void> {
  const target = join(tree, 'lib/modules', kernel.version)
  const files = await moduleFiles(kernel, debian.MODULES)
  for (const file of [...files, 'modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    await mkdir(dirname(join(target, file)), { recursive: true })
    await copyFile(join(kernel.modulesDir, file), join(target, file))
  }
  await command('depmod', ['-b', tree, kernel.version])
}
