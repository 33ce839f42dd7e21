// PID 1: wires everything together, in the order of a boot. What each part does is the part's own file.
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { arch, release, totalmem } from 'node:os'
import process from 'node:process'
import { appPlan, refreshPlan } from '../chroot-runner/app-plan.ts'
import { explain } from '../chroot-runner/explain.ts'
import { requestWords } from '../chroot-runner/unpack/limits.ts'
import { planWords } from '../chroot-runner/words.ts'
import type { Isolation } from '../protocol/api.ts'
import { VERSION } from '../protocol/version.ts'
import { loadNative } from '../sys/load.ts'
import type { Native } from '../sys/native.ts'
import { boot, CGROUP_ROOT, RUN_DIRECTORY, setHostname } from './boot.ts'
import { createBootLog, openTerminal, type BootLog } from './console.ts'
import { probeIsolation } from './isolation.ts'
import { LOG_LIMITS } from './logs/app-log.ts'
import { handlePower } from './power.ts'
import { loadModules } from './modules.ts'
import { RESOLV_CONF, RunningNode } from './running-node.ts'
import { readSettings } from './settings.ts'
import { openState } from './state/state.ts'
import { systemClock } from './supervisor/clock.ts'
import type { Plans } from './supervisor/plans.ts'
import { createReaper, type Reaper } from './supervisor/reaper.ts'
import { createSupervisor } from './supervisor/supervisor.ts'

const STATE_DIRECTORY = '/var/lib/solocloud'
const HOSTNAME_DEFAULT = 'solocloud'
/** Below this, one image is unpacked at a time: a decoder may want tens of megabytes. */
const ROOMY_MEMORY_BYTES = 512 * 1024 ** 2
/** argv: the file, its repetition by Node, then PID 1's arguments. */
const FIRST_WORD = 2
const PROBE_BUFFER_BYTES = 4096
/** In case a SIGCHLD was lost. */
const REAP_MS = 60_000
/** A new generation that does not stay up this long is taken back. */
const TRIAL_MS = 5000

const plans: Plans = { app: appPlan, refresh: refreshPlan, words: planWords, explain }

export async function main(): Promise<void> {
  const native = loadNative()
  const log = createBootLog(openTerminal())
  carryOn(log)
  const { degraded, mounted } = boot(native, log)
  log.open(`${RUN_DIRECTORY}/boot.log`)
  log.say(`solocloud ${VERSION} on Linux ${release()} (${arch()}), ${megabytes(totalmem())}`)
  const reaper = createReaper({ native, log, later: setImmediate })
  process.on('SIGCHLD', reaper.reap)
  reaper.reap()
  // Node ends when its event loop has nothing left to wait for, and a signal handler does not count.
  setInterval(reaper.reap, REAP_MS)

  const opened = openState(`${STATE_DIRECTORY}/state.db`, Date.now())
  const { state } = opened
  const words = process.argv.slice(FIRST_WORD)
  const { settings, problems } = readSettings(native, words, (key) =>
    state.setting(`solocloud.${key}`),
  )
  for (const problem of problems) log.complain(problem, null)
  nameNode(native, log, settings.hostname)

  const isolation = await chooseIsolation(native, reaper, degraded)
  for (const sentence of degraded) log.complain(sentence, null)
  const supervisor = createSupervisor({
    ...{ native, reaper, opened, isolation, log, plans, clock: systemClock, random: Math.random },
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
    ...{ native, log, state, reaper, supervisor, isolation, settings, degraded, mounted },
  })
  await node.listen()
  // After the apps: they need no hardware, and each module takes time.
  loadModules(native, log)
  handlePower({ native, log, goDown: (how, reason) => node.goDown(how, reason) })
  node.startNetwork()
}

/** A bug costs the request or the app it happened in, not the node: a PID 1 that ends is a panic. */
function carryOn(log: BootLog): void {
  const complain = (error: unknown): void => log.complain('BUG, carrying on', error)
  process.on('uncaughtException', complain)
  process.on('unhandledRejection', complain)
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

async function chooseIsolation(
  native: Native,
  reaper: Reaper,
  degraded: string[],
): Promise<Isolation> {
  const runner = { native, reaper, plans, buffer: Buffer.allocUnsafeSlow(PROBE_BUFFER_BYTES) }
  const { isolation, reason } = await probeIsolation(runner, `${RUN_DIRECTORY}/probe`)
  if (reason !== null) degraded.push(`apps run in a plain chroot: ${reason}`)
  return isolation
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
