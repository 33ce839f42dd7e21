// PID 1: wires everything together, in the order of a boot. What each part does is the part's own file.
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { arch, release, totalmem } from 'node:os'
import process from 'node:process'
import { inspect } from 'node:util'
import { appPlan, refreshPlan } from '../chroot-runner/app-plan.ts'
import { explain } from '../chroot-runner/explain.ts'
import { requestWords } from '../chroot-runner/unpack/limits.ts'
import { planWords } from '../chroot-runner/words.ts'
import { INSTALLATION_DIRECTORY } from '../installation/places.ts'
import type { Isolation } from '../protocol/api.ts'
import { VERSION } from '../protocol/version.ts'
import { openLife, type Life } from '../sys/life.ts'
import { loadNative } from '../sys/load.ts'
import type { Native } from '../sys/native.ts'
import {
  boot,
  CGROUP_ROOT,
  makeNodeDirectories,
  RUN_DIRECTORY,
  setHostname,
  type Boot,
} from './boot.ts'
import { createBootLog, openTerminal, type BootLog } from './console.ts'
import { startFaults } from './faults.ts'
import { createBootHistory, type BootHistory } from './history/boot-history.ts'
import { crashReport } from './history/crash-report.ts'
import { createCrashStore } from './history/crash-store.ts'
import { bootFiles, crashDirectory } from './history/node-history.ts'
import { takePanic } from './history/pstore.ts'
import { beginInstallation } from './installation/installation.ts'
import { probeIsolation, type IsolationProbe } from './isolation.ts'
import { LOG_LIMITS } from './logs/app-log.ts'
import { createFstab } from './fstab/fstab-mounts.ts'
import { createMountInChild } from './fstab/mount-child.ts'
import { createKernelModules, type KernelModules } from './modules/kernel-modules.ts'
import { createUnxz } from './modules/unxz.ts'
import { createNodeNotes, type NodeNotes } from './node-notes.ts'
import { handlePower } from './power.ts'
import { collectLater, RESOLV_CONF, RunningNode, STATE_DIRECTORY } from './running-node.ts'
import { readSettings, type Settings } from './settings.ts'
import { openState, type State } from './state/state.ts'
import { systemClock } from './supervisor/clock.ts'
import type { PlanRunner, Plans } from './supervisor/plans.ts'
import { createReaper } from './supervisor/reaper.ts'
import { createSupervisor } from './supervisor/supervisor.ts'
import { openWatchdogDevice, startWatchdog } from './watchdog.ts'

const HOSTNAME_DEFAULT = 'solocloud'
/** Below this, one image is unpacked at a time: a decoder may want tens of megabytes. */
const ROOMY_MEMORY_BYTES = 512 * 1024 ** 2
/** argv: the file, its repetition by Node, then PID 1's arguments. */
const FIRST_WORD = 2
/** What probes and self-tests say is short. */
const RUNNER_BUFFER_BYTES = 4096
/** In case a SIGCHLD was lost. */
const REAP_MS = 60_000
/** A new generation that does not stay up this long is taken back. */
const TRIAL_MS = 5000

const plans: Plans = { app: appPlan, refresh: refreshPlan, words: planWords, explain }

export async function main(): Promise<void> {
  const native = loadNative()
  endLifeOnBugs(native)
  const life = openLife(native)
  const notes = createNodeNotes(life)
  const log = createBootLog(openTerminal())
  startWatchdog({ native, life, log })
  const ground = prepareGround(native, log, notes)
  const { mounted } = ground
  const degraded = [...ground.degraded]
  log.open(`${RUN_DIRECTORY}/boot.log`)
  greet(log, life)
  const clock = systemClock
  const reaper = createReaper({ native, life, log, later: setImmediate })
  process.on('SIGCHLD', reaper.reap)
  // Node ends when its event loop has nothing left to wait for, and a signal handler does not count.
  setInterval(reaper.reap, REAP_MS)
  const runner = { native, reaper, plans, buffer: Buffer.allocUnsafeSlow(RUNNER_BUFFER_BYTES) }
  const unxz = createUnxz({ native, reaper, clock, directory: `${RUN_DIRECTORY}/empty` })
  const modules = createKernelModules({ native, log, unxz, scratch: RUN_DIRECTORY })
  const mount = createMountInChild(runner, clock)
  const fstab = createFstab({ native, log, modules, mount, clock, notes })
  // What all of the rest reads and writes may lie on another disk than the root.
  degraded.push(...(await fstab.mountEarly()), ...makeNodeDirectories(log))
  // Before anything slow: until this is done, another boot would begin the trial anew.
  const installation = beginInstallation({
    ...{ native, life, notes, log, clock, directory: INSTALLATION_DIRECTORY },
    place: { root: '', mountInfo: '/proc/self/mountinfo' },
  })
  const boots = rememberDeaths(life, log)

  const opened = openState(`${STATE_DIRECTORY}/state.db`, Date.now())
  const { state } = opened
  for (const problem of opened.problems) log.complain(problem, null)
  degraded.push(...opened.problems)
  const settings = learnSettings(native, life, log, state)
  startFaults({ native, life, log, faults: settings.faults })
  nameNode(native, log, settings.hostname)

  const isolation = await chooseIsolation(runner, notes, degraded)
  const supervisor = createSupervisor({
    ...{ native, life, reaper, opened, isolation, log, plans },
    ...{ clock, random: Math.random },
    paths: {
      ...{ chroots: '/chroots', logs: `${STATE_DIRECTORY}/logs` },
      ...{ proc: '/proc', devNull: '/dev/null' },
      cgroups: existsSync(`${CGROUP_ROOT}/cgroup.procs`) ? CGROUP_ROOT : null,
    },
    limits: {
      unpacksMax: totalmem() < ROOMY_MEMORY_BYTES ? 1 : 2,
      ...{ trialMs: TRIAL_MS, logs: LOG_LIMITS },
    },
    unpackArgs: requestWords({ ignoreOwners: mapsOneUser() }),
  })
  // Apps that are there wait for nothing: the name servers of the last boot do until the network is up.
  supervisor.refreshResolvConf(readIfThere(RESOLV_CONF))
  supervisor.start()
  const node = new RunningNode({
    ...{ native, life, notes, boots, log, state, reaper, supervisor, runner, isolation, settings },
    ...{ degraded, mounted, installation },
  })
  const trialMs = settings.trial === null ? null : settings.trial * 1000
  installation.watchTrial(trialMs, (reason) => node.goDown('reboot', reason))
  await node.listen()
  // After the apps: they need no hardware, and each module takes time.
  await prepareHardware(modules, notes)
  void fstab.mountLate()
  takePanic({ native, log, history: boots })
  await openWatchdogDevice({ native, life, log }, modules)
  handlePower({ native, log, goDown: (how, reason) => node.goDown(how, reason) })
  node.startNetwork()
  // Last: a file on trial has proven itself when all of this has been done.
  await node.settleUpgrade()
  node.resumeInstallation()
  collectLater()
}

/** A bug may have left anything behind: what is known to be right is in the life record and on disk. */
function endLifeOnBugs(native: Native): void {
  const end = (reason: string) => (error: unknown) =>
    native.die(reason, error instanceof Error ? (error.stack ?? error.message) : inspect(error))
  process.on('uncaughtException', end('uncaught exception'))
  process.on('unhandledRejection', end('unhandled rejection'))
}

interface Ground extends Boot {
  version: string
}

/** Mounts and limits outlive a life: only the first one of a boot makes them, and of another version. */
function prepareGround(native: Native, log: BootLog, notes: NodeNotes): Ground {
  const made = notes.read('boot') as Ground | null
  if (made?.version === VERSION) return made
  const { degraded, mounted } = boot(native, log)
  for (const sentence of degraded) log.complain(sentence, null)
  const ground = { degraded, mounted: [...(made?.mounted ?? []), ...mounted], version: VERSION }
  notes.write('boot', ground)
  return ground
}

async function prepareHardware(modules: KernelModules, notes: NodeNotes): Promise<void> {
  if (notes.read('modules') === VERSION) return
  await modules.loadHardware()
  notes.write('modules', VERSION)
}

function greet(log: BootLog, life: Life): void {
  const number = life.get('lives')
  if (number > 1) log.say(`life ${number} of init, ${VERSION}`)
  else log.say(`solocloud ${VERSION} on Linux ${release()} (${arch()}), ${megabytes(totalmem())}`)
}

/** Without a setting the name stays, unless there is none. */
function nameNode(native: Native, log: BootLog, wanted: string | null): void {
  const current = readIfThere('/proc/sys/kernel/hostname').trim()
  if (wanted === null && current !== '' && current !== '(none)') return
  try {
    const namespace = readlinkSync('/proc/self/ns/uts')
    const outcome = setHostname(native, wanted ?? HOSTNAME_DEFAULT, namespace)
    if (outcome === 'not ours')
      log.complain("solocloud.hostname is ignored: it is the host's", null)
  } catch (error) {
    log.complain('the host name is as found', error)
  }
}

/** Tried out once a boot: it takes a child. */
async function chooseIsolation(
  runner: PlanRunner,
  notes: NodeNotes,
  degraded: string[],
): Promise<Isolation> {
  const known = notes.read('isolation') as IsolationProbe | null
  const probed = known ?? (await probeIsolation(runner, `${RUN_DIRECTORY}/probe`))
  if (known === null) notes.write('isolation', probed)
  if (probed.reason !== null) degraded.push(`apps run in a plain chroot: ${probed.reason}`)
  return probed.isolation
}

/** Writes down how this boot began, how the one before ended, and what the lives before this one died of. */
function rememberDeaths(life: Life, log: BootLog): BootHistory {
  const wallMs = (): number => Date.now()
  const boots = createBootHistory({ ...bootFiles(STATE_DIRECTORY), version: VERSION, wallMs, log })
  boots.begin()
  const crashes = createCrashStore({ directory: crashDirectory(STATE_DIRECTORY), log })
  for (const { death, stored } of life.deaths()) {
    const report = crashReport(death, VERSION)
    log.complain(`life ${report.life} of init ended: ${report.reason}`, null)
    if (crashes.write(report)) stored()
  }
  return boots
}

function learnSettings(native: Native, life: Life, log: BootLog, state: State): Settings {
  const words = process.argv.slice(FIRST_WORD)
  const { settings, problems } = readSettings(native, words, (key) =>
    state.setting(`solocloud.${key}`),
  )
  for (const problem of problems) log.complain(problem, null)
  life.set('loopCount', settings.crashLoop.count)
  life.set('loopSeconds', settings.crashLoop.seconds)
  return settings
}

/** True in a user namespace with a single user: the others of an image have no number here. */
function mapsOneUser(): boolean {
  return /^\s*0\s+\d+\s+1\s*$/.test(readIfThere('/proc/self/uid_map'))
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MB`
