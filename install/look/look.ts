// Everything that `install` wants to know of the old system before it plans; nothing is changed.
import type { Installation } from '../../protocol/installation.ts'
import { NODE_FILE, STATE_DIRECTORY } from '../../installation/places.ts'
import { procBytes } from '../../sys/meminfo.ts'
import type { BackupLook } from '../restore/look-backup.ts'
import type { SshAppPlan } from '../ssh-app/ssh-app-plan.ts'
import { lookBootLoader, lookPyGrub, type BootLoaderLook, type PyGrubLook } from './boot-loader.ts'
import { fileSystemOf, parseFstab, type FileSystem, type FstabEntry } from './file-systems.ts'
import { lookKernel, type KernelLook } from './kernel.ts'
import { lookKexec, type KexecLook } from './kexec.ts'
import type { OldSystem } from './old-system.ts'
import type { FoundNetwork } from './network/look-network.ts'
import { lookSshConnection, type SshConnection } from './ssh-connection.ts'
import { isContainer, lookVirtualisation, type Virtualisation } from './virtualisation.ts'

export const CHROOTS = '/chroots'
/** What an installation makes, in the order of its removal: last what knows of the others. */
export const PLACES = [CHROOTS, NODE_FILE, STATE_DIRECTORY]

/** What lookSystem does not find in files by itself. */
export interface Circumstances {
  userId: number
  /** As Node.js names it. */
  architecture: string
  /** Of the running file. */
  fileBytes: number
  /** Whether the running file is /sbin/solocloud already. */
  isInPlace: boolean
  /** Free for root at this path. */
  freeBytes: (path: string) => number
  /** The record of an earlier installation. */
  earlier: Installation | null
  network: FoundNetwork
  /** The app that is to be the way in; null where none is wanted. */
  ssh: SshAppPlan | null
  /** Of the account that came here, before sudo; '' where nothing tells. */
  loginName: string
  /** The node that this one is to be again; null: a new one. */
  backup: BackupLook | null
}

export interface System {
  /** `Debian GNU/Linux 12 (bookworm)` */
  distribution: string
  isRoot: boolean
  architecture: string
  virtualisation: Virtualisation
  init: 'systemd' | 'another'
  /** PID 1 is solocloud. */
  isNode: boolean
  kernel: KernelLook
  bootLoader: BootLoaderLook
  /** What a host could read; also where nothing tells that it does. */
  pyGrub: PyGrubLook | null
  /** Whether a boot loader has started this kernel, as far as its words tell. */
  isBootedByLoader: boolean
  kexec: KexecLook
  root: FileSystem | null
  /** Of /boot, which may be the same. */
  boot: FileSystem | null
  fstab: readonly FstabEntry[]
  freeBytes: number
  memoryBytes: number
  availableBytes: number
  /** Disabled by its file, which an initramfs would look for after a purge too. */
  selinux: 'enforcing' | 'permissive' | 'disabled' | 'absent'
  secureBoot: boolean
  fileBytes: number
  isInPlace: boolean
  earlier: Installation | null
  /** Paths of a node's that are here without an installation. */
  strays: readonly string[]
  network: FoundNetwork
  ssh: SshAppPlan | null
  /** How who installs has come here. */
  connection: SshConnection | null
  loginName: string
  backup: BackupLook | null
}

export function lookSystem(old: OldSystem, circumstances: Circumstances): System {
  const { userId, architecture, fileBytes, isInPlace, freeBytes, earlier } = circumstances
  const { network, ssh, loginName, backup } = circumstances
  const virtualisation = lookVirtualisation(old)
  const kernel = lookKernel(old)
  const meminfo = old.text('/proc/meminfo') ?? ''
  return {
    distribution: distribution(old),
    isRoot: userId === 0,
    init: old.isDirectory('/run/systemd/system') ? 'systemd' : 'another',
    isNode: /\/(solocloud|init)$/.test(old.link('/proc/1/exe') ?? '') && old.exists(MANAGE_SOCKET),
    bootLoader: lookBootLoader(old, virtualisation),
    pyGrub: isContainer(virtualisation) ? null : lookPyGrub(old),
    isBootedByLoader: /(^|\s)BOOT_IMAGE=/.test(kernel.commandLine),
    kexec: lookKexec(old, { virtualisation, release: kernel.release }),
    root: fileSystemOf(old, '/'),
    boot: fileSystemOf(old, '/boot'),
    fstab: parseFstab(old.text('/etc/fstab') ?? ''),
    freeBytes: freeBytes('/'),
    memoryBytes: procBytes(meminfo, 'MemTotal') ?? 0,
    availableBytes: procBytes(meminfo, 'MemAvailable') ?? procBytes(meminfo, 'MemFree') ?? 0,
    selinux: selinux(old),
    secureBoot: old.text(SECURE_BOOT)?.endsWith('\x01') === true,
    strays: PLACES.filter((path) => isUsed(old, path) && !isOurs(path, circumstances)),
    connection: lookSshConnection(old),
    ...{
      architecture,
      virtualisation,
      kernel,
      fileBytes,
      isInPlace,
      earlier,
      network,
      ssh,
      loginName,
      backup,
    },
  }
}

const MANAGE_SOCKET = '/run/solocloud/manage.sock'
/** Four bytes of attributes, then the value. */
const SECURE_BOOT = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c'

function distribution(old: OldSystem): string {
  const release = old.text('/etc/os-release') ?? old.text('/usr/lib/os-release') ?? ''
  const name =
    /^PRETTY_NAME=["']?(.*?)["']?$/m.exec(release)?.[1] ?? old.line('/etc/redhat-release')
  return name === '' ? 'an unknown distribution' : name
}

function selinux(old: OldSystem): System['selinux'] {
  const enforce = old.line('/sys/fs/selinux/enforce')
  if (enforce === '') return old.exists('/etc/selinux/config') ? 'disabled' : 'absent'
  return enforce === '1' ? 'enforcing' : 'permissive'
}

/** An empty directory may be anybody's. */
function isUsed(old: OldSystem, path: string): boolean {
  return old.isDirectory(path) ? old.list(path).length > 0 : old.exists(path)
}

function isOurs(path: string, { isInPlace, earlier }: Circumstances): boolean {
  return (isInPlace && path === NODE_FILE) || earlier?.created.includes(path) === true
}
