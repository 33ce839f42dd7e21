// The last step: the running system is asked to go down, its services in their order, and the person is told
// how to come back.
import { formatDuration } from '../../terminal/units.ts'
import { ExitCode, InstallError } from '../errors.ts'
import type { FirstBoot, InstallPlan } from '../plan/install-plan.ts'
import { wayIn } from '../plan/way-in.ts'
import type { Run } from '../ssh-app/ssh-app-plan.ts'

export interface GoingDown {
  plan: InstallPlan
  firstBoot: FirstBoot
  run: Run
  tell: (line: string) => void
}

/** Throws InstallError when the system does not begin to go down. */
export function goDown({ plan, firstBoot, run, tell }: GoingDown): void {
  const words = wordsFor(firstBoot, plan.system.init)
  // Told before: what carries these lines ends with the system.
  for (const line of comingBack(plan, words === null)) tell(line)
  if (words === null) return
  const [program, ...rest] = words
  const { status, stderr } = run(program, rest)
  if (status === 0) return
  const why = stderr.trim() === '' ? `it ended with ${status ?? 'a signal'}` : stderr.trim()
  throw new InstallError(ExitCode.failed, 'stays-up', `\`${words.join(' ')}\` failed: ${why}.`)
}

/**
 * null: only the host can restart it. In a container without systemd, reboot(8) would run /sbin/init, and that is
 * the node already.
 */
function wordsFor(
  { method }: FirstBoot,
  init: InstallPlan['system']['init'],
): readonly [string, ...string[]] | null {
  if (method === 'kexec') return ['systemctl', 'kexec']
  if (init === 'systemd') return ['systemctl', 'reboot']
  return method === 'openvz' ? null : ['shutdown', '-r', 'now']
}

function comingBack({ system, options }: InstallPlan, isHosts: boolean): string[] {
  const { ssh, node } = wayIn(system, options)
  const time = formatDuration(options.trialMs).replace(/ 0[ms]$/, '')
  const first = isHosts
    ? 'All is prepared: now restart the container from its host, and the node starts.'
    : 'This system goes down now, and the node starts.'
  return [
    '',
    first,
    ...(ssh === null ? [] : [`  ${ssh}`]),
    `  cloud confirm ${node}`,
    `Without that within ${time} the old system comes back.`,
  ]
}
