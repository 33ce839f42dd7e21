// Which methods are possible on this machine, and which one is taken.
import type { InstallMethod } from '../../protocol/installation.ts'
import type { System } from '../look/look.ts'
import { isParavirtual } from '../look/boot-loader.ts'
import { isContainer } from '../look/virtualisation.ts'
import { environmentBlockProblem } from './grub-environment.ts'

/** While it waits, the next kernel takes memory beside the running one, and the call copies. */
const KEXEC_SPARE_BYTES = 16 * 1024 * 1024

export type MethodChoice =
  | { method: InstallMethod; why: string; warnings: readonly string[] }
  | { refusals: readonly string[] }

const METHODS: readonly InstallMethod[] = ['openvz', 'pygrub', 'kexec', 'grub']

export function chooseMethod(system: System, wanted: 'auto' | InstallMethod): MethodChoice {
  const possible = METHODS.filter(
    (method) => isOffered(system, method) && methodProblem(system, method) === null,
  )
  if (wanted !== 'auto') return takeWanted(system, wanted, possible)
  const [method] = possible
  if (method === undefined) return { refusals: [nonePossible(system)] }
  const doubt = loaderDoubt(system)
  if (doubt !== null && needsLoader(method))
    return { refusals: [`${doubt} If it does all the same, say so with --method ${method}.`] }
  return { method, why: WHY[method], warnings: [] }
}

/** What a host does is known of Xen and OpenVZ only; of others a person may know it. */
function isOffered({ virtualisation }: System, method: InstallMethod): boolean {
  if (method === 'openvz') return virtualisation === 'OpenVZ'
  return method !== 'pygrub' || isParavirtual(virtualisation)
}

const WHY: Readonly<Record<InstallMethod, string>> = {
  openvz: "the kernel is the host's: there is nothing to boot",
  pygrub: 'the host reads the menu from the disk',
  kexec: 'this kernel can be followed by another one without a boot',
  grub: 'GRUB boots an entry once, and the old system otherwise',
}

function takeWanted(
  system: System,
  method: InstallMethod,
  possible: readonly InstallMethod[],
): MethodChoice {
  const problem = methodProblem(system, method)
  const others =
    possible.length === 0 ? 'Nor is any other.' : `Use --method ${possible.join(' or ')}.`
  if (problem !== null)
    return { refusals: [`The method ${method} is not possible here: ${problem}. ${others}`] }
  const doubt = needsLoader(method) ? loaderDoubt(system) : hostDoubt(system, method)
  return { method, why: 'as asked for', warnings: doubt === null ? [] : [doubt] }
}

/** Whether every boot from the confirmation on is the boot loader's. */
const needsLoader = (method: InstallMethod): boolean => method === 'kexec' || method === 'grub'

function loaderDoubt({ isBootedByLoader }: System): string | null {
  if (isBootedByLoader) return null
  return "Nothing shows that GRUB starts this machine: the kernel's words lack its BOOT_IMAGE=."
}

function hostDoubt(system: System, method: InstallMethod): string | null {
  if (isOffered(system, method)) return null
  if (method === 'openvz')
    return 'This is no OpenVZ container: nothing shows that its host starts /sbin/init.'
  return 'This is no Xen guest: nothing shows that its host reads a menu from this disk.'
}

function nonePossible(system: System): string {
  const { virtualisation } = system
  if (isContainer(virtualisation))
    return (
      `This is ${virtualisation === 'LXC' ? 'an LXC container' : 'a container'}, whose host decides ` +
      'what runs in it: install on a virtual machine instead. If the host starts this container by its ' +
      '/sbin/init, say so with --method openvz.'
    )
  const reasons = METHODS.filter((method) => isOffered(system, method)).map(
    (method) => `${method}: ${methodProblem(system, method) ?? ''}`,
  )
  return `No method is possible on this machine (${reasons.join('; ')}).`
}

/** null: it is possible. */
export function methodProblem(system: System, method: InstallMethod): string | null {
  switch (method) {
    case 'openvz':
      return isContainer(system.virtualisation) ? null : 'this is not a container'
    case 'pygrub':
      if (system.pyGrub === null) return 'there is no menu on this disk that a host could read'
      return kernelProblem(system)
    case 'kexec':
      return system.kexec.problem ?? memoryProblem(system) ?? permanenceProblem(system)
    case 'grub':
      return permanenceProblem(system) ?? onceProblem(system)
  }
}

function kernelProblem({ kernel }: System): string | null {
  if (kernel.files !== null) return null
  return `/boot has no kernel and initramfs of the running release (${kernel.release}): after an upgrade, reboot first`
}

function memoryProblem({ kernel, availableBytes }: System): string | null {
  const needed = (kernel.files?.bytes ?? 0) + KEXEC_SPARE_BYTES
  return availableBytes >= needed ? null : 'there is not enough free memory for a second kernel'
}

/** Why the node could not be what boots from the confirmation on. */
function permanenceProblem(system: System): string | null {
  const { bootLoader, boot } = system
  if (isContainer(system.virtualisation)) return 'a container has no boot loader'
  switch (bootLoader.kind) {
    case 'GRUB':
      if (!bootLoader.readsCustom)
        return (
          `${bootLoader.config} does not read custom.cfg: make /etc/grub.d/41_custom executable and ` +
          `run update-grub (CentOS: grub2-mkconfig -o ${bootLoader.config})`
        )
      if (boot?.uuid == null)
        return 'the UUID of the file system of /boot is not in /dev/disk/by-uuid'
      return kernelProblem(system)
    case 'PyGrub':
      return "the host's boot loader boots this machine, which is --method pygrub"
    case 'none':
      return 'no boot loader is on this disk: the kernel is chosen by the host'
    case 'extlinux':
    case 'systemd-boot':
      return `${bootLoader.kind} boots this machine, and only GRUB 2 and PyGrub are known here`
  }
}

/** Why GRUB could not boot the node for one time. */
function onceProblem({ bootLoader }: System): string | null {
  if (bootLoader.kind !== 'GRUB') return 'GRUB does not boot this machine'
  if (!bootLoader.takesNextEntry) return `${bootLoader.config} does nothing with next_entry`
  const problem =
    bootLoader.environmentProblem ?? environmentBlockProblem(bootLoader.environmentText)
  return problem === null ? null : `GRUB can't write ${bootLoader.environment}: ${problem}`
}
