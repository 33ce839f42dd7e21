// What is there, a name and a text for each line.
import { formatBytes } from '../../terminal/units.ts'
import type { BootLoaderLook } from '../look/boot-loader.ts'
import type { FileSystem, FstabEntry } from '../look/file-systems.ts'
import type { PlannedInterface } from '../../protocol/network-plan.ts'
import type { BackupLook } from '../restore/look-backup.ts'
import type { SshAppPlan } from '../ssh-app/ssh-app-plan.ts'
import type { System } from '../look/look.ts'
import { isContainer } from '../look/virtualisation.ts'

type Row = readonly [string, string]

export function systemRows(system: System): Row[] {
  const { distribution, init, memoryBytes, availableBytes, fstab } = system
  const memory = `${formatBytes(memoryBytes)} of memory, ${formatBytes(availableBytes)} available`
  return [
    ['system', `${distribution}, ${init === 'systemd' ? 'systemd' : 'an init other than systemd'}`],
    ['machine', `${system.virtualisation}, ${system.architecture}, ${memory}`],
    ['kernel', kernelText(system)],
    ['boot loader', bootLoaderText(system.bootLoader)],
    ['root', fileSystemText(system.root, system.freeBytes)],
    ...separateBoot(system),
    ...fstab.map((entry): Row => [entry.fstype === 'swap' ? 'swap' : 'mount', fstabText(entry)]),
    ['kexec', kexecText(system)],
    ...networkRows(system),
    ...(system.backup === null ? [] : [['backup', backupText(system.backup)] as const]),
    ...(system.ssh === null ? [] : [['ssh', sshText(system.ssh)] as const]),
    ...(['disabled', 'absent'].includes(system.selinux)
      ? []
      : [['SELinux', system.selinux] as const]),
    ...(system.secureBoot ? [['secure boot', 'on'] as const] : []),
    ...(system.earlier === null ? [] : [['earlier try', earlierText(system.earlier)] as const]),
  ]
}

function kernelText({ kernel, virtualisation }: System): string {
  const { release, files, initramfsMaker } = kernel
  if (isContainer(virtualisation)) return `Linux ${release}, the host's`
  if (files === null) return `Linux ${release}, not in /boot`
  const maker = initramfsMaker === null ? '' : ` by ${initramfsMaker}`
  return `Linux ${release}, initramfs${maker}, ${formatBytes(files.bytes)}`
}

function bootLoaderText(bootLoader: BootLoaderLook): string {
  switch (bootLoader.kind) {
    case 'GRUB':
      return `GRUB 2 (${bootLoader.firmware}), ${bootLoader.config}`
    case 'PyGrub':
      return "the host's, which reads a menu from this disk"
    case 'none':
      return 'none on this disk'
    case 'extlinux':
    case 'systemd-boot':
      return bootLoader.kind
  }
}

function fileSystemText(at: FileSystem | null, freeBytes: number): string {
  if (at === null) return 'unknown'
  const where = at.device === null ? '' : ` on ${at.device}`
  const storage = at.storage === 'plain' ? '' : ` (${at.storage})`
  return `${at.fstype}${where}${storage}, ${formatBytes(freeBytes)} free`
}

function separateBoot({ boot }: System): Row[] {
  if (boot === null || boot.target === '/') return []
  return [['/boot', `${boot.fstype} on ${boot.device ?? 'an unknown device'}, of its own`]]
}

function fstabText({ source, target, fstype }: FstabEntry): string {
  return fstype === 'swap' ? source : `${target}, ${fstype} on ${source}`
}

function kexecText({ kexec }: System): string {
  if (kexec.problem !== null) return `not possible: ${kexec.problem}`
  return kexec.doubt === null ? 'possible' : `maybe: ${kexec.doubt}`
}

function networkRows({ network: { plan, hostname, sources } }: System): Row[] {
  const interfaces = plan.interfaces.map((one): Row => {
    const source = sources.find((found) => found.interface === one.name)?.source ?? ''
    return [one.name, `${interfaceText(one)} (${source})`]
  })
  const servers = plan.nameServers.join(', ')
  return [
    ['host name', hostname ?? 'none'],
    ...interfaces,
    ...(servers === '' ? [] : [['DNS', servers] as const]),
  ]
}

function interfaceText({ dhcp4, autoconf6, addresses, routes }: PlannedInterface): string {
  const gateways = routes.flatMap(({ gateway }) => (gateway === null ? [] : [`via ${gateway}`]))
  return [
    ...(dhcp4 ? ['DHCP'] : []),
    ...addresses.map(({ address, prefix }) => `${address}/${prefix}`),
    ...new Set(gateways),
    ...(autoconf6 ? ['IPv6 by router advertisements'] : []),
  ].join(', ')
}

function sshText({ ports, accounts }: SshAppPlan): string {
  const named = accounts.map(({ name, administrator }) =>
    administrator ? `${name} (may manage)` : name,
  )
  return `port ${ports.join(', ')}; ${named.join(', ')}`
}

function backupText({ head, bytes }: BackupLook): string {
  const apps = head.apps.map(({ name, version }) =>
    version === null ? name : `${name} ${version}`,
  )
  const made = `${head.node.hostname} at ${head.createdAt}, ${formatBytes(bytes)}`
  return `${made}; ${apps.length === 0 ? 'no apps' : apps.join(', ')}`
}

function earlierText({ method, installedAt, state }: NonNullable<System['earlier']>): string {
  return `${method}, ${installedAt}, ${state === 'trial' ? 'not confirmed' : 'uninstalled'}`
}
