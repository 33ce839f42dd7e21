// GRUB 2's files: where its configuration is, and whether that lets us add an entry and choose it once.
import { fileSystemOf, type FileSystem } from './file-systems.ts'
import type { OldSystem } from './old-system.ts'

export interface GrubLook {
  kind: 'GRUB'
  firmware: 'BIOS' | 'UEFI'
  /** The file that GRUB itself reads, links followed. */
  config: string
  /** Its permissions are right for a file beside it, whatever the file system allows. */
  permissions: number
  /** Read by `config`, so that entries outlive an update of it. */
  customConfig: string
  customText: string
  environment: string
  environmentText: string | null
  readsCustom: boolean
  takesNextEntry: boolean
  /** The commands that load a kernel and an initramfs here. */
  commands: { linux: string; initrd: string }
  /** For disks and file systems, as `config` has them. */
  modules: readonly string[]
  /** Whether `config` has Debian's and CentOS's function for a picture on the screen. */
  loadsVideo: boolean
  /** Why GRUB can't write the environment, so that a choice would not be for one boot only. */
  environmentProblem: string | null
}

/** null when there is none that has a menu. */
export function lookGrub(old: OldSystem): GrubLook | null {
  const config = menuFile(old)
  if (config === null) return null
  const text = old.text(config) ?? ''
  const directory = config.slice(0, config.lastIndexOf('/'))
  const environment = old.real(`${directory}/grubenv`)
  const customConfig = old.real(`${directory}/custom.cfg`)
  const linux = /^\s+(linux(?:efi|16)?)\s/m.exec(text)?.[1] ?? 'linux'
  return {
    ...{ kind: 'GRUB', firmware: isUefi(old) ? 'UEFI' : 'BIOS', config, customConfig, environment },
    permissions: old.permissions(config) ?? 0o600,
    customText: old.text(customConfig) ?? '',
    environmentText: old.text(environment),
    readsCustom: /^[^#]*\bsource\s.*\/custom\.cfg/m.test(text),
    takesNextEntry: /^[^#]*\bload_env\b/m.test(text) && text.includes('default="${next_entry}"'),
    commands: { linux, initrd: linux.replace('linux', 'initrd') },
    modules: diskModules(text),
    loadsVideo: /^function load_video\b/m.test(text),
    environmentProblem: environmentProblem(fileSystemOf(old, directory)),
  }
}

export const isUefi = (old: OldSystem): boolean => old.isDirectory('/sys/firmware/efi')

/**
 * CentOS 7 and 8 have the menu on the EFI system partition; Debian, and CentOS since 9, have only a stub
 * there that leads to /boot.
 */
function menuFile(old: OldSystem): string | null {
  const efi = isUefi(old)
    ? old.list('/boot/efi/EFI').map((name) => `/boot/efi/EFI/${name}/grub.cfg`)
    : []
  const candidates = [...efi, '/boot/grub2/grub.cfg', '/boot/grub/grub.cfg']
  const hasMenu = (path: string): boolean => /^\s*(menuentry|blscfg)\b/m.test(old.text(path) ?? '')
  const found = candidates.find(hasMenu)
  return found === undefined ? null : old.real(found)
}

const DISK_MODULE =
  /^(part_\w+|ext2|xfs|btrfs|fat|lvm|diskfilter|(md)?raid\w+|cryptodisk|luks2?|gcry_\w+|gzio|xzio|lzopio|zstd)$/
const MODULES_DEFAULT = ['part_gpt', 'part_msdos', 'ext2', 'xfs']

function diskModules(text: string): string[] {
  const loaded = [...text.matchAll(/^\s*insmod\s+(\w+)\s*$/gm)].map(([, name = '']) => name)
  const named = loaded.filter((name) => DISK_MODULE.test(name))
  return named.length === 0 ? MODULES_DEFAULT : [...new Set(named)]
}

/** What `grub-mkconfig` itself knows as not writable (00_header, check_writable). */
const READ_ONLY_FOR_GRUB = ['btrfs', 'zfs', 'squashfs', 'f2fs']

function environmentProblem(at: FileSystem | null): string | null {
  if (at === null) return 'its file system is unknown'
  if (READ_ONLY_FOR_GRUB.includes(at.fstype)) return `it is on ${at.fstype}`
  return at.storage === 'plain' ? null : `it is on ${STORAGE_NAMES[at.storage]}`
}

const STORAGE_NAMES = {
  lvm: 'LVM',
  encrypted: 'an encrypted disk',
  raid: 'a RAID',
  mapped: 'a mapped device',
} as const
