// The menus that a Xen host reads from the disk: /boot/grub/menu.lst, and a grub.cfg for hosts that look
// for that first, where a stale one would hide menu.lst. Both are written whole, in the little that
// PyGrub's parser understands (GrubConf.py of Xen 4.17) and that GRUB itself takes too.
import { pathWithin, type FileSystem } from '../look/file-systems.ts'
import type { KernelFiles } from '../look/kernel.ts'

export interface PyGrubEntries {
  boot: FileSystem
  kernel: KernelFiles
  /** The node's and the old system's, for the kernel. */
  words: readonly string[]
  oldWords: readonly string[]
  /** Of the old system's entry. */
  distribution: string
}

const TIMEOUT_SECONDS_DEFAULT = 5
const WARNING = '# Written by solocloud install; `cloud node uninstall` brings back what was here.'

interface Entry {
  title: string
  words: readonly string[]
}

/** The node first, which is the default, then the old system. */
function entriesOf({ words, oldWords, distribution }: PyGrubEntries): Entry[] {
  return [
    { title: 'solocloud', words },
    { title: distribution.replace(/[^\w ./()-]/g, ''), words: oldWords },
  ]
}

/** `before`: the menu.lst that was there, for its partition and time. */
export function menuList(about: PyGrubEntries, before: string | null): string {
  const { image, initramfs } = pathsOf(about)
  const seconds = /^\s*timeout[\s=]+(\d+)/m.exec(before ?? '')?.[1] ?? TIMEOUT_SECONDS_DEFAULT
  // For a GRUB of the host's (pv-grub); PyGrub stays on the file system where it found the menu.
  const root = /^\s*root\s+(\(\w+(?:,\w+)?\))/m.exec(before ?? '')?.[1] ?? '(hd0,0)'
  const entries = entriesOf(about).flatMap(({ title, words }) => [
    '',
    `title ${title}`,
    `root ${root}`,
    `kernel ${image} ${words.join(' ')}`,
    `initrd ${initramfs}`,
  ])
  return lines([WARNING, 'default 0', `timeout ${seconds}`, ...entries])
}

/** `before`: the grub.cfg that was there, for its time. */
export function pyGrubConfig(about: PyGrubEntries, before: string | null): string {
  const { image, initramfs } = pathsOf(about)
  const seconds = /^\s*set timeout=["']?(\d+)/m.exec(before ?? '')?.[1] ?? TIMEOUT_SECONDS_DEFAULT
  const search =
    about.boot.uuid === null ? [] : [`search --no-floppy --fs-uuid --set=root ${about.boot.uuid}`]
  // PyGrub wants the title in quotes, then something, then the brace.
  const entries = entriesOf(about).flatMap(({ title, words }, index) => [
    '',
    `menuentry '${title}' --id ${index === 0 ? 'solocloud' : 'old-system'} {`,
    ...search.map((line) => `  ${line}`),
    `  linux ${image} ${words.join(' ')}`,
    `  initrd ${initramfs}`,
    '}',
  ])
  return lines([WARNING, 'set default="0"', `set timeout=${seconds}`, ...entries])
}

/** As the file system has them: of a /boot of its own PyGrub sees nothing above. */
function pathsOf({ boot, kernel }: PyGrubEntries): { image: string; initramfs: string } {
  return { image: pathWithin(boot, kernel.image), initramfs: pathWithin(boot, kernel.initramfs) }
}

const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('')
