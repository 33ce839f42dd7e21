// The node once it is up: what answers for it, its network, and its way down.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type {
  Isolation,
  NodeHistory,
  NodeStatus,
  Purged,
  PurgeProgress,
  UpgradeProgress,
} from '../protocol/api.ts'
import type { InstallationStatus } from '../protocol/installation.ts'
import { VERSION } from '../protocol/version.ts'
import type { Life } from '../sys/life.ts'
import type { Native } from '../sys/native.ts'
import { RUN_DIRECTORY } from './boot.ts'
import type { BootLog } from './console.ts'
import { openToGroup } from './http/listen.ts'
import type { Archive, NodeControl, Restart, UpgradeFile } from './http/node-control.ts'
import { backupRequest } from './backup/backup-request.ts'
import { Backups, openSource } from './backup/backup.ts'
import { createManagementServer, type ManagementServer } from './http/server.ts'
import type { BootHistory } from './history/boot-history.ts'
import { nodeHistory } from './history/node-history.ts'
import type { NodeInstallation } from './installation/installation.ts'
import { startNetwork, type Network } from './network/network.ts'
import type { NodeNotes } from './node-notes.ts'
import { nodeStatus } from './node-status.ts'
import type { How } from './power.ts'
import type { Settings } from './settings.ts'
import { shutDown } from './shut-down.ts'
import type { State } from './state/state.ts'
import { systemClock } from './supervisor/clock.ts'
import { openSink } from './supervisor/image-pump.ts'
import { AppError, type Apps } from './supervisor/apps.ts'
import type { Supervisor } from './supervisor/options.ts'
import type { PlanRunner } from './supervisor/plans.ts'
import type { Reaper } from './supervisor/reaper.ts'
import { askManagement } from './upgrade/ask-management.ts'
import { systemDisk } from './upgrade/disk.ts'
import { createUpgrades, upgradeSteps, type Upgrades } from './upgrade/upgrade.ts'

export interface NodeParts {
  native: Native
  life: Life
  notes: NodeNotes
  boots: BootHistory
  log: BootLog
  state: State
  reaper: Reaper
  supervisor: Supervisor
  /** For plans that are not an app's. */
  runner: PlanRunner
  isolation: Isolation
  settings: Settings
  installation: NodeInstallation
  /** What the machine did not allow. */
  degraded: readonly string[]
  /** What this life has mounted, in order. */
  mounted: readonly string[]
}

export const STATE_DIRECTORY = '/var/lib/solocloud'
/** Not /etc/resolv.conf: that one is the old system's, where there is one. */
export const RESOLV_CONF = `${STATE_DIRECTORY}/resolv.conf`
const MANAGE_SOCKET = `${RUN_DIRECTORY}/manage.sock`

/** When the answer has left, and with it the last references to what the push or the start brought. */
const COLLECT_AFTER_MS = 500

/**
 * A push, and a start, pass through what only a collection frees, and an idle node has no reason for one.
 * `gc` is there because the loader says --expose-gc.
 */
export function collectLater(): void {
  setTimeout(() => globalThis.gc?.(), COLLECT_AFTER_MS)
}

export class RunningNode implements NodeControl {
  readonly #parts: NodeParts
  readonly #server: ManagementServer
  readonly #upgrades: Upgrades
  readonly #backups: Backups
  #manage: string[] = []
  #network: Network | null = null
  #goingDown = false
  #uninstalling = false

  constructor(parts: NodeParts) {
    this.#parts = parts
    const { supervisor, log } = parts
    const deploy: Apps['deploy'] = (push) => supervisor.deploy(push).finally(collectLater)
    this.#server = createManagementServer({ apps: { ...supervisor, deploy }, node: this, log })
    this.#upgrades = this.#createUpgrades()
    const { native, reaper } = parts
    const streams = { openSink, openSource }
    this.#backups = new Backups({
      native,
      reaper,
      log,
      chroots: '/chroots',
      proc: '/proc',
      ...streams,
    })
  }

  #createUpgrades(): Upgrades {
    const { native, life, log, runner, supervisor } = this.#parts
    const clock = systemClock
    return createUpgrades({
      ...{ native, life, log, clock, disk: systemDisk },
      complain: (problem) => log.complain(problem, null),
      steps: upgradeSteps({ runner, clock, proc: '/proc', devNull: '/dev/null' }),
      askOurselves: () => askManagement(MANAGE_SOCKET),
      pushes: () =>
        supervisor
          .list()
          .filter(({ deploying }) => deploying)
          .map(({ name }) => name),
      goingDown: () => this.#goingDown || this.#uninstalling,
    })
  }

  /** Never rejects: a node that can't be managed still runs its apps, and the console says so. */
  async listen(): Promise<void> {
    const { log, settings } = this.#parts
    await this.#listenOn(MANAGE_SOCKET, { unix: MANAGE_SOCKET })
    if (settings.group !== null) await this.#openTo(settings.group)
    if (settings.manage === null) return
    const { host, port } = settings.manage
    log.complain(`whoever reaches ${host}:${port} manages this node (solocloud.insecure=yes)`, null)
    await this.#listenOn(`${host}:${port}`, { tcp: [settings.manage] })
  }

  async #openTo(group: number): Promise<void> {
    try {
      await openToGroup(MANAGE_SOCKET, group)
    } catch (error) {
      this.#parts.log.complain(`group ${group} can't use ${MANAGE_SOCKET}`, error)
    }
  }

  async #listenOn(name: string, where: Parameters<ManagementServer['listen']>[0]): Promise<void> {
    const { log } = this.#parts
    try {
      const addresses = await this.#server.listen(where)
      this.#manage.push(...addresses)
      log.say(`listening on ${addresses.join(' ')}`)
    } catch (error) {
      log.complain(`not listening on ${name}`, error)
    }
  }

  /** Confirms the upgrade that this life is the trial of; cleans up after others. Never rejects. */
  settleUpgrade(): Promise<void> {
    return this.#upgrades.settle()
  }

  startNetwork(): void {
    const { native, notes, log, settings, supervisor } = this.#parts
    this.#network = startNetwork({
      ...{ native, settings, timers: systemClock, random: Math.random },
      files: {
        read: (path) => readFileSync(path, 'utf8'),
        write: (path, value) => writeFileSync(path, value),
      },
      resolvConfPath: RESOLV_CONF,
      resume: notes.read('network'),
      save: (kept) => notes.write('network', kept),
      say: (line) => log.say(line),
      warn: (problem, error) => log.complain(problem, error),
      onDnsChange: (content) => supervisor.refreshResolvConf(content),
      onHostname: (name) => log.info({ name }, 'the network calls this node'),
    })
  }

  status(): NodeStatus {
    const { life, supervisor, reaper, isolation, installation } = this.#parts
    return nodeStatus({
      ...{ version: VERSION, life: life.get('lives'), upgrade: this.#upgrades.status() },
      ...{ isolation, manage: this.#manage, disk: '/', installation: installation.status() },
      degraded: [...this.#parts.degraded, ...installation.problems()],
      addresses: this.#network?.addresses() ?? [],
      apps: supervisor.list(),
      orphansReaped: reaper.orphans(),
    })
  }

  history(): NodeHistory {
    return nodeHistory(STATE_DIRECTORY)
  }

  reboot(): void {
    this.goDown('reboot', 'cloud reboot')
  }

  powerOff(): void {
    this.goDown('power-off', 'cloud poweroff')
  }

  upgrade(file: UpgradeFile, onProgress: (progress: UpgradeProgress) => void): Promise<Restart> {
    return this.#upgrades.upgrade(file, onProgress)
  }

  rollBack(onProgress: (progress: UpgradeProgress) => void): Promise<Restart> {
    return this.#upgrades.rollBack(onProgress)
  }

  noticeCloud(by: string): void {
    this.#parts.installation.noticeCloud(by)
  }

  confirm(by: string): InstallationStatus {
    return this.#parts.installation.confirm(by)
  }

  purge(keep: readonly string[], tell: (progress: PurgeProgress) => void): Promise<Purged> {
    return this.#parts.installation.purge(keep, tell)
  }

  uninstall(): { begin: () => void } {
    if (this.#goingDown || this.#uninstalling)
      throw new AppError('shutting-down', 'The node is going down.')
    this.#parts.installation.giveBoot()
    this.#uninstalling = true
    return { begin: () => void this.#remove() }
  }

  /** Goes on with what a power cut has left of a purge or of a removal. Never throws. */
  resumeInstallation(): void {
    const { installation, log } = this.#parts
    installation.resume(() => {
      try {
        this.uninstall().begin()
      } catch (error) {
        log.complain('the node is not removed', error)
      }
    })
  }

  /** Of the node nothing stays but what is in use until it is down. Never rejects. */
  async #remove(): Promise<void> {
    const { supervisor, installation } = this.#parts
    await supervisor.stopAll()
    await installation.removeCreated()
    this.goDown('reboot', 'cloud node uninstall')
  }

  async backup(): Promise<Archive> {
    const { supervisor } = this.#parts
    const status = this.status()
    // An app that is being pushed for the first time has none yet.
    const apps = supervisor.list().filter(({ generation }) => generation > 0)
    return this.#backups.start(backupRequest(STATE_DIRECTORY, status, apps))
  }

  goDown(how: How, reason: string): void {
    if (this.#goingDown) return
    this.#goingDown = true
    const { native, life, boots, log, mounted, supervisor, state, installation } = this.#parts
    log.info({ how, reason }, 'asked to go down')
    void shutDown({
      ...{ native, life, log, timers: systemClock, how, mounted },
      stopRequests: async () => {
        await Promise.all([this.#server.close(), installation.stop()])
      },
      stopApps: () => supervisor.stopAll(),
      closeFiles: () => {
        this.#network?.close()
        state.close()
        boots.end(how, reason)
        if (this.#uninstalling) installation.removeLast()
      },
      files: {
        read: (path) => readFileSync(path, 'utf8'),
        exists: existsSync,
        create: (path) => writeFileSync(path, ''),
      },
    })
  }
}
