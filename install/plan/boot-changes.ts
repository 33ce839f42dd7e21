// What changes on the disk for each method: for one boot, and for every boot after that.
import type { GrubLook } from '../look/grub.ts'
import type { PyGrubFile, PyGrubLook } from '../look/boot-loader.ts'
import type { FileSystem } from '../look/file-systems.ts'
import type { KernelFiles } from '../look/kernel.ts'
import type { System } from '../look/look.ts'
import { nodeWords, oldWords } from './command-line.ts'
import { withVariable } from './grub-environment.ts'
import { customWithDefault, customWithEntry, ENTRY, type GrubEntry } from './grub-config.ts'
import type { FirstBoot, PlannedChange } from './install-plan.ts'
import { menuList, pyGrubConfig, type PyGrubEntries } from './pygrub-config.ts'

const PERMISSIONS_DEFAULT = 0o644

/** What boots a machine from its disk, with its kernel. */
export interface Bootable {
  system: System
  kernel: KernelFiles
  boot: FileSystem
}

/** `trialMs`: of a boot that happens once. */
const wordsOf = ({ kernel, selinux }: System, trialMs: number | null = null): string[] =>
  nodeWords(kernel.commandLine, { selinux, trialMs })

export function kexecBoot({ system, kernel }: Bootable, trialMs: number): FirstBoot {
  const commandLine = wordsOf(system, trialMs).join(' ')
  const { image, initramfs } = kernel
  const loaded = { image, initramfs, commandLine }
  return { method: 'kexec', kernel: loaded, once: [] }
}

export function grubBoot(bootable: Bootable, grub: GrubLook, trialMs: number): FirstBoot {
  const text = customWithEntry(grubEntry(bootable, grub, trialMs))
  const block = withVariable(grub.environmentText, 'next_entry', ENTRY)
  const once = [
    file(grub.customConfig, text, grub.permissions, `the entry ${ENTRY}`),
    file(grub.environment, block, grub.permissions, `that entry, for the next boot only`),
  ]
  return { method: 'grub', kernel: null, once }
}

export function grubPermanent(bootable: Bootable, grub: GrubLook): PlannedChange[] {
  const text = customWithDefault(grubEntry(bootable, grub, null))
  return [file(grub.customConfig, text, grub.permissions, `the entry ${ENTRY}, as the default`)]
}

function grubEntry(
  { system, kernel, boot }: Bootable,
  grub: GrubLook,
  trialMs: number | null,
): GrubEntry {
  return { grub, boot, kernel, words: wordsOf(system, trialMs) }
}

export function pyGrubBoot(bootable: Bootable, look: PyGrubLook): FirstBoot {
  return { method: 'pygrub', kernel: null, once: pyGrubMenus(bootable, look) }
}

/** The same for one boot and for all: a host's boot loader chooses nothing once. */
export function pyGrubMenus(bootable: Bootable, { menu, config }: PyGrubLook): PlannedChange[] {
  const { system, kernel, boot } = bootable
  const { distribution } = system
  const about: PyGrubEntries = {
    boot,
    kernel,
    distribution,
    words: wordsOf(system),
    oldWords: oldWords(system.kernel.commandLine),
  }
  const what = `the entries ${ENTRY}, as the default, and ${distribution}`
  const change = ({ path }: PyGrubFile, text: string): PlannedChange =>
    file(path, text, PERMISSIONS_DEFAULT, what)
  const menus = menu === null ? [] : [change(menu, menuList(about, menu.text))]
  return [...menus, change(config, pyGrubConfig(about, config.text))]
}

export function openVzBoot(): FirstBoot {
  return { method: 'openvz', kernel: null, once: [initLink()] }
}

export const initLink = (): PlannedChange => link('/sbin/init', "what the container's host starts")

/** OpenVZ and Xen end a machine by running these, and people do. */
export function powerLinks(): PlannedChange[] {
  return ['halt', 'reboot', 'poweroff'].map((name) =>
    link(`/sbin/${name}`, 'how hosts and people end a machine'),
  )
}

function link(path: string, what: string): PlannedChange {
  // Beside it: of the file's roles each has the name of the link.
  return { path, becomes: { kind: 'link', target: 'solocloud' }, what }
}

function file(path: string, text: string, permissions: number, what: string): PlannedChange {
  return { path, becomes: { kind: 'file', text, permissions }, what }
}
