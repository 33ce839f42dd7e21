// What a person should know before saying yes.
import { isContainer } from '../look/virtualisation.ts'
import type { InstallPlan } from './install-plan.ts'

type Unwarned = Omit<InstallPlan, 'warnings'>
type Rule = (plan: Unwarned) => string | null

export function warningsOf(plan: Unwarned): string[] {
  const { network, ssh } = plan.system
  const found = [...network.warnings, ...(ssh?.warnings ?? [])]
  return [...RULES.flatMap((rule) => rule(plan) ?? []), ...found.map(asSentence)]
}

/** Those who look begin as a clause does, often with a name, and put no full stop. */
const asSentence = (text: string): string => (text.endsWith('.') ? text : `${text}.`)

const RULES: readonly Rule[] = [
  ({ firstBoot }) =>
    firstBoot.method === 'pygrub'
      ? "The host's boot loader has no entry for one boot: if the node does not even start, choose the " +
        "old system's entry on the host's console, or `pygrub` boots the node again."
      : null,
  ({ firstBoot }) =>
    firstBoot.method === 'openvz'
      ? "If the node does not even start, put the old /sbin/init back from the host's rescue mode or file manager."
      : null,
  ({ system, firstBoot, fallback }) =>
    firstBoot.method === 'kexec' && system.kexec.doubt !== null
      ? `kexec may be refused, as ${system.kexec.doubt}: ` +
        (fallback === null ? 'then nothing is done.' : 'then GRUB boots the node.')
      : null,
  ({ system }) =>
    system.selinux === 'enforcing'
      ? 'SELinux is enforcing here; a node has no policy. If you go back, the old system may want ' +
        '`restorecon` for the files of its boot loader.'
      : null,
  ({ system }) =>
    system.kernel.hasModules || isContainer(system.virtualisation)
      ? null
      : `/lib/modules has nothing for ${system.kernel.release}: the node has the drivers that are in the kernel, and no others.`,
  ({ system }) =>
    system.root?.storage === 'encrypted'
      ? 'The disk is encrypted: as until now, each boot asks for its passphrase on the console.'
      : null,
  ({ options }) =>
    options.manage === null
      ? null
      : `Everybody who reaches ${options.manage} owns the node: there are no keys yet.`,
  ({ system, options }) =>
    options.ssh || system.backup?.hasSsh === true
      ? null
      : 'There will be no ssh: the address above is the only way in.',
  ({ system }) =>
    system.backup?.hasSsh === true
      ? "The way in is the backed-up node's: its accounts and keys, not those of this system."
      : null,
  ({ system }) =>
    system.earlier === null
      ? null
      : 'An earlier try is here and was not confirmed: it is removed first, with what was pushed to it.',
  ({ options }) =>
    options.purge
      ? 'Confirming deletes the old system (--purge): from then on there is no way back.'
      : null,
]
