// What `cloud node` shows: read anew at each request from /proc and the file system.
import { readdirSync, readFileSync, statfsSync } from 'node:fs'
import { arch, hostname, release } from 'node:os'
import { procBytes } from '../sys/meminfo.ts'
import type {
  AppStatus,
  InitStatus,
  Isolation,
  NodeStatus,
  UpgradeStatus,
} from '../protocol/api.ts'
import type { InstallationStatus } from '../protocol/installation.ts'

export interface NodeFacts {
  version: string
  /** The number of PID 1's life since the boot. */
  life: number
  upgrade: UpgradeStatus
  isolation: Isolation
  /** One sentence each. */
  degraded: readonly string[]
  manage: readonly string[]
  installation: InstallationStatus | null
  /** By which others reach this machine. */
  addresses: readonly string[]
  apps: readonly AppStatus[]
  orphansReaped: number
  /** The directory whose file system the apps are on. */
  disk: string
}

/** The file's text, or '' where the kernel or the machine does not give it. */
function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function listed(directory: string): number {
  try {
    return readdirSync(directory).length
  } catch {
    return 0
  }
}

/** Anonymous memory and our share of shared memory (proc(5), smaps_rollup). */
export function unreclaimable(smapsRollup: string): number | null {
  const anonymous = procBytes(smapsRollup, 'Anonymous')
  return anonymous === null ? null : anonymous + (procBytes(smapsRollup, 'Pss_Shmem') ?? 0)
}

function initStatus({ version, upgrade, orphansReaped }: NodeFacts): InitStatus {
  return {
    version,
    upgrade,
    residentBytes: procBytes(readProc('/proc/self/status'), 'VmRSS') ?? 0,
    unreclaimableBytes: unreclaimable(readProc('/proc/self/smaps_rollup')),
    orphansReaped,
    // The one that reads the list is in it.
    descriptors: Math.max(0, listed('/proc/self/fd') - 1),
  }
}

export function nodeStatus(facts: NodeFacts): NodeStatus {
  const meminfo = readProc('/proc/meminfo')
  const free = procBytes(meminfo, 'MemFree') ?? 0
  const disk = statfsSync(facts.disk)
  const uptimeMs = Math.round(Number(readProc('/proc/uptime').split(' ')[0] ?? 0) * 1000)
  return {
    version: facts.version,
    life: facts.life,
    hostname: hostname(),
    kernel: release(),
    architecture: arch() === 'x64' ? 'amd64' : arch(),
    uptimeMs,
    bootedAt: new Date(Date.now() - uptimeMs).toISOString(),
    memory: {
      totalBytes: procBytes(meminfo, 'MemTotal') ?? 0,
      // Linux before 3.14 has no MemAvailable.
      availableBytes:
        procBytes(meminfo, 'MemAvailable') ?? free + (procBytes(meminfo, 'Cached') ?? 0),
    },
    disk: {
      totalBytes: disk.blocks * disk.bsize,
      freeBytes: disk.bavail * disk.bsize,
      freeInodes: disk.ffree,
    },
    isolation: facts.isolation,
    degraded: [...facts.degraded],
    addresses: [...facts.addresses],
    apps: {
      total: facts.apps.length,
      running: facts.apps.filter(({ state }) => state === 'running').length,
    },
    init: initStatus(facts),
    installation: facts.installation,
    manage: [...facts.manage],
  }
}
