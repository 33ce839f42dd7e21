// The role install: makes a node of the machine it runs on. Wires the steps to the real machine.
import { statfsSync, statSync } from 'node:fs'
import { INSTALLATION_DIRECTORY, NODE_FILE } from '../installation/places.ts'
import { readInstallation } from '../installation/record.ts'
import type { Installation } from '../protocol/installation.ts'
import { loadNative } from '../sys/load.ts'
import { act } from './act/act.ts'
import { processIo } from './io.ts'
import { lookSystem, type System } from './look/look.ts'
import { readKernelNetwork } from './look/network/kernel-network.ts'
import { lookNetwork } from './look/network/look-network.ts'
import { oldSystem } from './look/old-system.ts'
import { lookSshConnection } from './look/ssh-connection.ts'
import type { Request } from './program.ts'
import { lookBackup } from './restore/look-backup.ts'
import { run } from './run.ts'
import { buildSshApp } from './ssh-app/build.ts'
import { lookSshApp } from './ssh-app/look.ts'
import { runProgram } from './ssh-app/run-program.ts'
import type { SshAppPlan } from './ssh-app/ssh-app-plan.ts'

const ROOT = '/'
/** The running file. */
const SELF = '/proc/self/exe'

/** `argv`: the words after the role. Sets process.exitCode. */
export async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = await run(argv, processIo(), {
    look,
    act: (plan, tell) =>
      act(plan, {
        ...{ root: ROOT, self: SELF, run: runProgram, buildSsh: buildSshApp, tell },
        native: loadNative(),
        now: () => new Date(),
        isInterrupted: interruption(),
      }),
  })
}

async function look({ options, restore }: Request): Promise<System> {
  const old = oldSystem(ROOT)
  const self = statSync(SELF)
  const there = statSync(NODE_FILE, { throwIfNoEntry: false })
  const { env } = process
  const backup = restore === null ? null : await lookBackup(restore)
  // The old node's own way in comes back with its other apps.
  const needsSsh = options.ssh && backup?.hasSsh !== true
  return lookSystem(old, {
    userId: process.geteuid?.() ?? -1,
    architecture: process.arch,
    fileBytes: self.size,
    isInPlace: there?.ino === self.ino && there.dev === self.dev,
    freeBytes,
    earlier: earlierInstallation(),
    network: lookNetwork(
      { read: (path) => old.text(path), list: (path) => old.list(path) },
      readKernelNetwork(loadNative()),
    ),
    ssh: needsSsh ? lookSsh(lookSshConnection(old)?.text ?? null) : null,
    loginName: env['SUDO_USER'] ?? env['LOGNAME'] ?? '',
    backup,
  })
}

function lookSsh(connection: string | null): SshAppPlan {
  return lookSshApp({ root: ROOT, run: runProgram, connection, nowMs: Date.now() })
}

/** For root, who may use what is kept back for root. */
function freeBytes(path: string): number {
  const { bfree, bsize } = statfsSync(path)
  return bfree * bsize
}

/** One that can't be read counts as none: then what it has made is in the way, and says so. */
function earlierInstallation(): Installation | null {
  try {
    return readInstallation(INSTALLATION_DIRECTORY)
  } catch {
    return null
  }
}

/** From now on these signals are heard and do nothing by themselves: what was begun is to be taken back. */
function interruption(): () => boolean {
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => void (interrupted = true))
  return () => interrupted
}
