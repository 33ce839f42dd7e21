// How the first boot, the trial and the way back go, in the words of a person.
import { formatDuration } from '../../terminal/units.ts'
import type { InstallMethod } from '../../protocol/installation.ts'
import { wayIn } from './way-in.ts'
import { ENTRY } from './grub-config.ts'
import type { InstallPlan } from './install-plan.ts'

export function firstBootText({ firstBoot, fallback, why }: InstallPlan): string[] {
  const reason = `(${firstBoot.method}: ${why})`
  switch (firstBoot.method) {
    case 'kexec': {
      const otherwise =
        fallback === null
          ? 'If the kernel refuses that, all of this is taken back.'
          : `If the kernel refuses that, GRUB boots the entry ${ENTRY} once instead.`
      return [
        `The services stop in their order, and ${firstBoot.kernel?.image ?? ''} starts again with ` +
          `init=/sbin/solocloud, without a boot of the machine ${reason}.`,
        otherwise,
      ]
    }
    case 'grub':
      return [`The machine reboots, and GRUB boots the entry ${ENTRY} this one time ${reason}.`]
    case 'pygrub':
      return [`The machine reboots, and its host boots the entry ${ENTRY} ${reason}.`]
    case 'openvz':
      return [`The container reboots, and its host starts the new /sbin/init ${reason}.`]
  }
}

export function trialText({ system, options, firstBoot }: InstallPlan): string[] {
  const { node } = wayIn(system, options)
  const time = formatDuration(options.trialMs).replace(/ 0[ms]$/, '')
  return [
    `${untilThen(firstBoot.method)} Until you confirm, ${cutOff(firstBoot.method)}, or ${time} ` +
      'without a confirmation bring the old system back.',
    `To confirm: \`cloud confirm ${node}\`; any other command of \`cloud\` to the node does it too.`,
  ]
}

function untilThen(method: InstallMethod): string {
  switch (method) {
    case 'kexec':
      return 'Nothing that the old system boots from or reads has changed.'
    case 'grub':
      return "GRUB's choice is for one boot, and the node's first act is to take the entry out again."
    case 'pygrub':
    case 'openvz':
      return "The node's first act is to put back what the old system starts from."
  }
}

/** What of the machine's or its host's ends a boot. */
const cutOff = (method: InstallMethod): string =>
  method === 'openvz' ? 'a restart of the container' : 'a reset, a panic'

export function wayBackText({ options, firstBoot }: InstallPlan): string[] {
  const reset =
    firstBoot.method === 'openvz' ? 'restart the container from its host' : 'reset the machine'
  const later =
    'After that: `cloud node uninstall` puts every changed path back, byte for byte, and reboots into the old system'
  return [
    `During the trial: do nothing, or ${reset}.`,
    options.purge
      ? 'After that there is none: confirming deletes the old system (--purge).'
      : `${later}, as long as it has not been deleted with \`cloud node purge\`.`,
  ]
}
