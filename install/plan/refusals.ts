// Why nothing is done at all, whatever the method: sentences that say what to do.
import { formatBytes } from '../../terminal/units.ts'
import { INSTALLATION_DIRECTORY } from '../../installation/places.ts'
import type { System } from '../look/look.ts'
import { isContainer } from '../look/virtualisation.ts'
import type { InstallOptions } from './install-plan.ts'

const MIB = 1024 * 1024
/** Beside the file itself: state, logs, the way in, and room for a first image. */
const SPARE_BYTES = 96 * MIB
/** Of a machine of 96 MiB the kernel tells so much; a node boots there. */
const MEMORY_BYTES_MIN = 80 * MIB
/** This file's, by Go's name. */
const ARCHITECTURE = 'amd64'
/** OpenVZ 7's. */
const KERNEL_MIN = [3, 10] as const
/** What was tried; in a container the host mounts, and anything goes. */
const ROOT_TYPES = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs']

type Rule = (system: System, options: InstallOptions) => string | null

export function refusalsOf(system: System, options: InstallOptions): string[] {
  if (!system.isRoot) return ['Only root can install a node: run it again with sudo.']
  return RULES.flatMap((rule) => rule(system, options) ?? [])
}

const RULES: readonly Rule[] = [
  ({ isNode }) => (isNode ? 'This machine is a node already: `cloud node` shows it.' : null),
  earlierInstallation,
  ({ architecture }) =>
    architecture === 'x64'
      ? null
      : `This file is for x86-64; this machine is ${architecture}. There is no other file yet.`,
  oldKernel,
  ({ virtualisation }) =>
    virtualisation === 'a Xen host'
      ? 'This is a Xen host (dom0): install in one of its guests instead.'
      : null,
  rootType,
  memory,
  space,
  ({ strays }) =>
    strays.length === 0
      ? null
      : `No installation has made what is here already: ${strays.join(', ')}. ` +
        'Move away what you need, then delete the rest.',
  otherArchitecture,
  wayIn,
  ({ network }) => problemsOf("The network can't be taken along", network.problems),
  ({ ssh }) => problemsOf("The sshd of this system can't be taken along", ssh?.problems ?? []),
  (_, { manage, insecure }) =>
    manage === null || insecure
      ? null
      : `Whoever reaches ${manage} would own the node: add --insecure if that is what you want, ` +
        'or leave --manage out and manage through ssh.',
]

function earlierInstallation({ earlier }: System): string | null {
  if (earlier === null || earlier.state === 'trial' || earlier.state === 'uninstalling') return null
  return (
    `This machine is a node (${earlier.state}) whose old system has been booted once more: reboot ` +
    'into the entry solocloud, or end it there with `cloud node uninstall`. ' +
    `The record is in ${INSTALLATION_DIRECTORY}.`
  )
}

function oldKernel({ kernel: { release } }: System): string | null {
  const [major = 0, minor = 0] = release.split('.').map((part) => parseInt(part, 10))
  const isOld = major < KERNEL_MIN[0] || (major === KERNEL_MIN[0] && minor < KERNEL_MIN[1])
  return isOld
    ? `Linux ${release} is too old: a node needs ${KERNEL_MIN.join('.')} or newer. ` +
        'Upgrade the distribution, or ask the host for a newer kernel.'
    : null
}

function rootType({ root, virtualisation }: System): string | null {
  if (isContainer(virtualisation)) return null
  if (root !== null && ROOT_TYPES.includes(root.fstype)) return null
  const type = root === null ? 'of an unknown type' : root.fstype
  return (
    `The root file system is ${type}: a node needs ext4, xfs or btrfs below it. ` +
    'A live system or a rescue system is no place for a node.'
  )
}

function memory({ memoryBytes }: System): string | null {
  if (memoryBytes >= MEMORY_BYTES_MIN) return null
  return `${formatBytes(memoryBytes)} of memory are too little for a node, which needs 96 MiB.`
}

function problemsOf(what: string, problems: readonly string[]): string | null {
  return problems.length === 0 ? null : `${what}: ${problems.join('; ')}.`
}

function space({ freeBytes, fileBytes, isInPlace, ssh, backup }: System): string | null {
  const apps = (ssh?.bytes ?? 0) + (backup?.bytes ?? 0)
  const needed = SPARE_BYTES + (isInPlace ? 0 : fileBytes) + apps
  if (freeBytes >= needed) return null
  return (
    `${formatBytes(freeBytes)} are free on the root file system, ${formatBytes(needed)} are needed: ` +
    'delete something, like the packages in the cache of apt or yum.'
  )
}

function otherArchitecture({ backup }: System): string | null {
  const architecture = backup?.head.node.architecture ?? ARCHITECTURE
  if (architecture === ARCHITECTURE) return null
  return `The backup is of a node on ${architecture}, and its programs can't run on this machine.`
}

function wayIn({ backup }: System, { ssh, manage }: InstallOptions): string | null {
  const isRestored = backup?.hasSsh === true || backup?.settings['solocloud.manage'] !== undefined
  if (ssh || manage !== null || isRestored) return null
  return 'With --no-ssh nobody could reach the node: add --manage ADDR --insecure, where ADDR is HOST:PORT like 0.0.0.0:5678.'
}
