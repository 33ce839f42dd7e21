// What GRUB's custom.cfg gets: an entry that starts the node, and later that it is the default.
import { pathWithin, type FileSystem } from '../look/file-systems.ts'
import type { GrubLook } from '../look/grub.ts'
import type { KernelFiles } from '../look/kernel.ts'
import { bare } from './command-line.ts'

/** Title and id at once: GRUB finds a default by either. */
export const ENTRY = 'solocloud'

export interface GrubEntry {
  grub: GrubLook
  /** Of /boot. */
  boot: FileSystem
  kernel: KernelFiles
  /** The node's, for the kernel. */
  words: readonly string[]
}

/** What was there, then an entry that nothing chooses by itself. */
export function customWithEntry(entry: GrubEntry): string {
  return appended(entry.grub.customText, menuEntry(entry))
}

/**
 * custom.cfg is read last, after what grub.cfg makes of next_entry: an entry that was chosen for one boot
 * stays chosen.
 */
export function customWithDefault(entry: GrubEntry): string {
  const isDefault = ['if [ -z "${boot_once}" ]; then', `  set default=${ENTRY}`, 'fi']
  return appended(entry.grub.customText, [...menuEntry(entry), ...isDefault])
}

function menuEntry({ grub, boot, kernel, words }: GrubEntry): string[] {
  const { commands, modules } = grub
  const quoted = words.map((word) => grubQuote(bare(word)))
  const lines = [
    ...(grub.loadsVideo ? ['load_video'] : []),
    ...modules.map((name) => `insmod ${name}`),
    `search --no-floppy --fs-uuid --set=root ${boot.uuid ?? ''}`,
    `${commands.linux} ${grubQuote(pathWithin(boot, kernel.image))} ${quoted.join(' ')}`,
    `${commands.initrd} ${grubQuote(pathWithin(boot, kernel.initramfs))}`,
  ]
  // Unrestricted: without it a menu with a password would wait for one.
  const head = `menuentry '${ENTRY}' --unrestricted --id ${ENTRY} {`
  return [head, ...lines.map((line) => `  ${line}`), '}']
}

function appended(before: string, lines: readonly string[]): string {
  const block = ['### BEGIN solocloud', ...lines, '### END solocloud', '']
  const gap = before === '' || before.endsWith('\n') ? '' : '\n'
  return `${before}${gap}${block.join('\n')}`
}

/** As a shell quotes, which is how GRUB reads. */
function grubQuote(word: string): string {
  if (/^[\w./:,=@%+-]+$/.test(word)) return word
  return `'${word.replaceAll("'", "'\\''")}'`
}
