// What main gives the supervisor, and what it gets.
import type { Writable } from 'node:stream'
import type { Isolation } from '../../protocol/api.ts'
import type { Life } from '../../sys/life.ts'
import type { Native } from '../../sys/native.ts'
import type { LogLimits } from '../logs/app-log.ts'
import type { Journal } from '../logs/journal.ts'
import type { OpenedState } from '../state/state.ts'
import type { Apps } from './apps.ts'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { Plans } from './plans.ts'
import type { Reaper } from './reaper.ts'

export interface SupervisorOptions {
  native: Native
  life: Life
  /** PID 1's one reaper; main calls its reap() on SIGCHLD. */
  reaper: Reaper
  /** What `openState` gave. */
  opened: OpenedState
  paths: SupervisorPaths
  clock: Clock
  /** 0 <= random() < 1. */
  random: () => number
  limits: SupervisorLimits
  /** What this node allows. */
  isolation: Isolation
  log: Log
  plans: Plans
  /** Words for the unpacker, after the staging directory. */
  unpackArgs: readonly string[]
  /** The stream that writes to an unpacker's pipe; tests replace it. */
  openSink?: (fd: number) => Writable
  /** Where logs are while they are in no file; tests replace it. */
  journal?: Journal
}

export interface SupervisorPaths {
  /** /chroots */
  chroots: string
  /** /var/lib/solocloud/logs */
  logs: string
  /** /proc */
  proc: string
  /** /dev/null */
  devNull: string
  /** The directory below which each app gets a cgroup (version 2), or null. */
  cgroups: string | null
}

export interface SupervisorLimits {
  /** Images unpacked at once: 1 below 512 MB of RAM. */
  unpacksMax: number
  /** How long a new generation must stay up. */
  trialMs: number
  logs: LogLimits
}

export interface Supervisor extends Apps {
  /**
   * Goes on with what the life before ran, starts what else is to run, and tidies up. Call it once, before
   * anything is spawned here.
   */
  start(): void
  /** Resolves when what `start` tidies up in the background is done. */
  tidied(): Promise<void>
  /** What /etc/resolv.conf in every app says from now on. */
  refreshResolvConf(content: string): void
  /** Ends every app and every operation; nothing is started any more. Resolves at the latest after 15 s. */
  stopAll(): Promise<void>
}
