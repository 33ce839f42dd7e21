// Boots a disk as a Xen host does: the real pygrub reads a configuration out of the raw image, with the guest
// off, and hands out a kernel, an initramfs and a command line.
//
// Which configuration, and what of it, was read in the source of Xen 4.17 (tools/pygrub/src: pygrub, GrubConf.py)
// and tried on a disk that Debian's own update-grub has written:
// - Partitions: of an MBR the four primary ones, of a GPT all, in the order of the table; without a table the
//   whole disk. Whatever goes wrong on one - no file system it knows, a syntax error, a missing kernel - makes
//   it look at the next without a word.
// - File systems: ext2 to ext4 (their journal is not replayed: only what is checkpointed is seen), FAT, and XFS
//   of version 4 without ftype, which mkfs.xfs stopped making long ago. No LVM, no btrfs.
// - The first file that exists is read, and no other: {/boot,}/grub/grub.cfg, {/boot,}/grub2/grub.cfg, five of
//   isolinux and extlinux, /boot/grub/menu.lst, /boot/grub/grub.conf, /grub/menu.lst, /grub/grub.conf. So a
//   stale grub.cfg hides menu.lst. `source` (custom.cfg) and grubenv are not followed; 1 MiB at most, in UTF-8.
// - grub.cfg is read line by line, without conditions: every branch of an `if` counts, so the last
//   `set default=` wins; it must be a number (a title, ${saved_entry} and ${next_entry} become 0), counted
//   through all entries, those of submenus included. A second `=` in a `set`, or a `set root=` that is not
//   like hd0,msdos1, is an error, after which nothing of the file counts.
// - An entry begins with a line that matches ^menuentry ["'](.*?)["'] (.*){ and ends at a line that begins with
//   `}`. Such a line outside an entry, a submenu and a function is an error, and so is an entry in an entry.
//   What counts in one is `linux` or `linux16 PATH ARGUMENTS`, split at the first space, `initrd` or `initrd16`
//   with one path, and `set root=`. Paths are those of the partition; ($root)/... is an error.
// - menu.lst: `default N`, and `title`, `root (hd0,0)`, `kernel PATH ARGUMENTS`, `initrd PATH`; anything else is
//   passed over.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { command } from './command.ts'
import type { KernelBoot } from './machine.ts'
import { fetchPackages } from './packages.ts'

const VERSION = '4.17'
/** Its programs, and the library that reads file systems. */
const PACKAGES = [`xen-utils-${VERSION}`, `libxenmisc${VERSION}`] as const
const PLACE = `usr/lib/xen-${VERSION}`

type Report = (line: string) => void

/**
 * What pygrub boots from the raw image `disk`; the files it hands out are put into `dir`. Installed, its package
 * would start services: it is unpacked in `cacheDir`. Throws its words when it finds nothing to boot.
 */
export async function pygrub(
  disk: string,
  dir: string,
  cacheDir: string,
  report: Report,
): Promise<KernelBoot> {
  const packages = await fetchPackages(cacheDir, 'pygrub', PACKAGES, report)
  const [utils, libraries] = PACKAGES.map((name) => join(packages.directory(name), PLACE))
  const lib = join(libraries ?? '', 'lib/x86_64-linux-gnu')
  const env = {
    ...process.env,
    LD_LIBRARY_PATH: lib,
    XEN_FSIMAGE_FSDIR: join(lib, 'xenfsimage'),
    // It has regular expressions that Python warns about, once per file.
    PYTHONWARNINGS: 'ignore',
    PYTHONDONTWRITEBYTECODE: '1',
  }
  await mkdir(dir, { recursive: true })
  const words = ['--output-format=simple0', `--output-directory=${dir}`, '-q', disk]
  return bootOf(await command(join(utils ?? '', 'bin/pygrub'), words, { env }))
}

/** Reads pygrub's format simple0: `kernel PATH`, `ramdisk PATH`, `args WORDS`, each ended by a zero byte. */
export function bootOf(output: string): KernelBoot {
  const value = (key: string): string => {
    const field = output.split('\0').find((one) => one.startsWith(`${key} `))
    if (field === undefined)
      throw new Error(`pygrub hands out no ${key}: ${JSON.stringify(output)}`)
    return field.slice(key.length + 1)
  }
  return { kernel: value('kernel'), initramfs: value('ramdisk'), words: value('args') }
}
