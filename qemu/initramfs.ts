// Builds the guest's initramfs: a static /init and the modules that the root disk needs.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { command } from './command.ts'
import { CHARACTER_DEVICE, cpio, type CpioEntry, Mode } from './cpio.ts'
import type { Kernel } from './kernel.ts'
import { loadOrder } from './modules.ts'

// ext4 and the PCI bus are built into Debian's cloud kernel; everything virtio is a module.
const ROOT_MODULES = ['virtio_pci', 'virtio_blk', 'ext4'] as const

/** Writes the initramfs (an uncompressed cpio archive: nothing to decompress in emulation) to `path`. */
export async function buildInitramfs(kernel: Kernel, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const init = `${path}.init`
  const source = join(import.meta.dirname, 'initramfs-init.c')
  const flags = ['-static', '-Os', '-s', '-Wall', '-Wextra', '-Werror']
  await command('gcc', [...flags, '-o', init, source])
  const entries: CpioEntry[] = [
    { path: 'dev', mode: Mode.directory },
    // The kernel opens it as descriptors 0 to 2 of the first process.
    { path: 'dev/console', mode: CHARACTER_DEVICE, device: [5, 1] },
    { path: 'proc', mode: Mode.directory },
    { path: 'root', mode: Mode.directory },
    { path: 'init', mode: Mode.executable, data: await readFile(init) },
    { path: 'modules', mode: Mode.directory },
  ]
  const modules = await moduleFiles(kernel, ROOT_MODULES)
  for (const [index, file] of modules.entries()) {
    const order = String(index).padStart(2, '0')
    const name = `modules/${order}-${basename(file)}`
    entries.push({
      path: name,
      mode: Mode.file,
      data: await readFile(join(kernel.modulesDir, file)),
    })
  }
  await writeFile(`${path}.partial`, cpio(entries))
  await rename(`${path}.partial`, path)
}

/** Paths, relative to the kernel's module directory, of `names` and their dependencies in load order. */
export async function moduleFiles(kernel: Kernel, names: readonly string[]): Promise<string[]> {
  const dep = await readFile(join(kernel.modulesDir, 'modules.dep'), 'utf8')
  const builtin = await readFile(join(kernel.modulesDir, 'modules.builtin'), 'utf8')
  return loadOrder(dep, builtin, names)
}
