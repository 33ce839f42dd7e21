// Whether this kernel lets itself be followed by another one without a boot of the machine.
import type { OldSystem } from './old-system.ts'
import { isContainer, type Virtualisation } from './virtualisation.ts'

export interface KexecLook {
  /** Why it can't be done; null: it can be tried. */
  problem: string | null
  /** Why the call may be refused all the same; then the program below is tried. */
  doubt: string | null
  /** kexec-tools' program. */
  tools: string | null
}

/** Since version 246 systemd does without kexec-tools (its pull request 15189). */
const SYSTEMD_MIN = 246
const TOOLS = ['/sbin/kexec', '/usr/sbin/kexec']

export function lookKexec(
  old: OldSystem,
  { virtualisation, release }: { virtualisation: Virtualisation; release: string },
): KexecLook {
  const tools = TOOLS.find((path) => old.exists(path)) ?? null
  const config = old.text(`/boot/config-${release}`)
  const withoutFileCall = config !== null && !config.includes('\nCONFIG_KEXEC_FILE=y')
  return {
    tools,
    problem:
      kernelProblem(old, virtualisation) ??
      (withoutFileCall && tools === null
        ? 'this kernel lacks kexec_file_load, and kexec-tools are not installed'
        : initProblem(old, tools)),
    doubt: doubt(old, withoutFileCall),
  }
}

function kernelProblem(old: OldSystem, virtualisation: Virtualisation): string | null {
  if (isContainer(virtualisation)) return 'a container has no kernel of its own'
  if (virtualisation === 'a Xen host') return 'a hypervisor runs below this system'
  if (virtualisation.startsWith('Xen')) return "a Xen guest's memory and devices are its host's"
  if (!old.exists('/sys/kernel/kexec_loaded')) return 'this kernel is built without kexec'
  return old.line('/proc/sys/kernel/kexec_load_disabled') === '1'
    ? 'kernel.kexec_load_disabled is set'
    : null
}

/** Services are to stop in their order: only systemd is asked to do that. */
function initProblem(old: OldSystem, tools: string | null): string | null {
  if (!old.isDirectory('/run/systemd/system')) return 'systemd is not running'
  if (tools !== null) return null
  const version = systemdVersion(old)
  if (version < SYSTEMD_MIN)
    return `systemd ${version === 0 ? 'of an old version' : version} needs kexec-tools for it`
  // Then dracut's own shutdown takes over from systemd's, and calls the program.
  return old.exists('/run/initramfs/.need_shutdown')
    ? 'dracut needs kexec-tools to take these disks down'
    : null
}

/** By its private library, which has the version in its name since 230; 0: older. */
function systemdVersion(old: OldSystem): number {
  const directories = ['/lib/systemd', '/usr/lib/systemd', '/usr/lib64/systemd']
  const names = [...directories, '/usr/lib/x86_64-linux-gnu/systemd'].flatMap((path) =>
    old.list(path),
  )
  const versions = names.map((name) => /^libsystemd-shared-(\d+)/.exec(name)?.[1] ?? '0')
  return Math.max(0, ...versions.map(Number))
}

function doubt(old: OldSystem, withoutFileCall: boolean): string | null {
  if (withoutFileCall) return 'this kernel lacks kexec_file_load'
  const [, lockdown = 'none'] = /\[(\w+)\]/.exec(old.line('/sys/kernel/security/lockdown')) ?? []
  return lockdown === 'none' ? null : `the kernel is locked down (${lockdown})`
}
