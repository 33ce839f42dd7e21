// From what is there and what is wanted to a plan, or to the reasons why there is none.
import { NODE_FILE } from '../../installation/places.ts'
import type { System } from '../look/look.ts'
import { PLACES } from '../look/look.ts'
import {
  type Bootable,
  grubBoot,
  grubPermanent,
  initLink,
  kexecBoot,
  openVzBoot,
  powerLinks,
  pyGrubBoot,
  pyGrubMenus,
} from './boot-changes.ts'
import type {
  FirstBoot,
  InstallOptions,
  InstallPlan,
  Planned,
  PlannedChange,
} from './install-plan.ts'
import { chooseMethod, methodProblem, type MethodChoice } from './method.ts'
import { refusalsOf } from './refusals.ts'
import { warningsOf } from './warnings.ts'

export function planInstall(system: System, options: InstallOptions): Planned {
  const refusals = refusalsOf(system, options)
  const choice = chooseMethod(system, options.method)
  if ('refusals' in choice) return { refusals: [...refusals, ...choice.refusals] }
  if (refusals.length > 0) return { refusals }
  return { plan: makePlan(system, options, choice) }
}

/** Not when the person has put it in its place, unless an earlier try had. */
const isFileOurs = ({ isInPlace, earlier }: System): boolean =>
  !isInPlace || earlier?.created.includes(NODE_FILE) === true

type Chosen = Exclude<MethodChoice, { refusals: unknown }>

function makePlan(system: System, options: InstallOptions, choice: Chosen): InstallPlan {
  const { trialMs } = options
  const boots = bootsOf(system, choice.method, trialMs)
  const canFallBack =
    options.method === 'auto' && choice.method === 'kexec' && methodProblem(system, 'grub') === null
  const fallback = canFallBack ? bootsOf(system, 'grub', trialMs).firstBoot : null
  const plan = {
    ...{ system, options, fallback, why: choice.why },
    ...boots,
    created: PLACES.filter((path) => path !== NODE_FILE || isFileOurs(system)),
    settings: settingsOf(system, options),
  }
  return { ...plan, warnings: [...choice.warnings, ...warningsOf(plan)] }
}

interface Boots {
  firstBoot: FirstBoot
  permanent: readonly PlannedChange[]
}

function bootsOf(system: System, method: Chosen['method'], trialMs: number): Boots {
  const { bootLoader, pyGrub } = system
  if (method === 'openvz')
    return { firstBoot: openVzBoot(), permanent: [initLink(), ...powerLinks()] }
  const bootable = bootableOf(system)
  if (method === 'pygrub' && pyGrub !== null) {
    const permanent = [...pyGrubMenus(bootable, pyGrub), ...powerLinks()]
    return { firstBoot: pyGrubBoot(bootable, pyGrub), permanent }
  }
  if (method === 'pygrub' || bootLoader.kind !== 'GRUB') throw new Error(`BUG: no ${method} here`)
  return {
    firstBoot:
      method === 'kexec' ? kexecBoot(bootable, trialMs) : grubBoot(bootable, bootLoader, trialMs),
    permanent: [...grubPermanent(bootable, bootLoader), ...powerLinks()],
  }
}

function bootableOf(system: System): Bootable {
  const { boot } = system
  const { files } = system.kernel
  if (files === null || boot === null) throw new Error('BUG: nothing to boot')
  return { system, boot, kernel: files }
}

/** As init/settings.ts reads them from a new state database. */
function settingsOf(
  { network, ssh, backup }: System,
  { manage, insecure }: InstallOptions,
): Record<string, string> {
  const { hostname } = network
  return {
    ...(hostname === null ? {} : { 'solocloud.hostname': hostname }),
    ...backup?.settings,
    'solocloud.network': JSON.stringify(network.plan),
    ...(ssh === null ? {} : { 'solocloud.group': `${ssh.group}` }),
    ...(manage === null ? {} : { 'solocloud.manage': manage }),
    ...(insecure ? { 'solocloud.insecure': 'yes' } : {}),
  }
}
