// What boots this machine, as far as its disk tells.
import { lookGrub, type GrubLook } from './grub.ts'
import type { OldSystem } from './old-system.ts'
import type { Virtualisation } from './virtualisation.ts'

/** The host reads the disk's menu itself: PyGrub, or a GRUB that the host brings. */
export interface PyGrubLook {
  kind: 'PyGrub'
  /** null: the directory is not there. */
  menu: PyGrubFile | null
  /** The one that PyGrub takes first. */
  config: PyGrubFile
}

export interface PyGrubFile {
  /** Links followed. */
  path: string
  /** null where there is none yet. */
  text: string | null
}

export type BootLoaderLook =
  | GrubLook
  | PyGrubLook
  | { kind: 'extlinux' | 'systemd-boot' }
  /** A container, or a kernel that the host brings. */
  | { kind: 'none' }

export function lookBootLoader(old: OldSystem, virtualisation: Virtualisation): BootLoaderLook {
  if (isParavirtual(virtualisation)) return lookPyGrub(old) ?? { kind: 'none' }
  const grub = lookGrub(old)
  if (grub !== null) return grub
  const has = (...paths: string[]): boolean => paths.some((path) => old.exists(path))
  if (has('/boot/loader/loader.conf', '/boot/efi/loader/loader.conf', '/efi/loader/loader.conf'))
    return { kind: 'systemd-boot' }
  if (has('/boot/extlinux/extlinux.conf', '/boot/extlinux.conf', '/boot/syslinux/syslinux.cfg'))
    return { kind: 'extlinux' }
  return { kind: 'none' }
}

/** Its host loads the kernel, by a menu on the disk or of its own. */
export const isParavirtual = (virtualisation: Virtualisation): boolean =>
  virtualisation === 'Xen PV' || virtualisation === 'Xen PVH'

/** In the order in which PyGrub looks for them (Grub.read_config of the pygrub of Xen 4.17). */
const MENUS = [
  ...['/boot/grub/grub.cfg', '/boot/grub2/grub.cfg', '/boot/extlinux/extlinux.conf'],
  ...['/boot/extlinux.conf', '/boot/grub/menu.lst', '/boot/grub/grub.conf'],
]

/** null where there is no menu that it could read. */
export function lookPyGrub(old: OldSystem): PyGrubLook | null {
  if (!MENUS.some((path) => old.exists(path))) return null
  const file = (path: string): PyGrubFile => ({ path: old.real(path), text: old.text(path) })
  const legacy = old.isDirectory('/boot/grub')
  return {
    kind: 'PyGrub',
    menu: legacy ? file('/boot/grub/menu.lst') : null,
    config: file(legacy ? '/boot/grub/grub.cfg' : '/boot/grub2/grub.cfg'),
  }
}
