// The role install: makes a node of the machine it runs on. Wires the steps to the real machine.
import { statfsSync, statSync } from 'node:fs'
import { INSTALLATION_DIRECTORY, NODE_FILE } from '../installation/places.ts'
import { readInstallation } from '../installation/record.ts'
import type { Installation } from '../protocol/installation.ts'
import { ExitCode, InstallError } from './errors.ts'
import { processIo } from './io.ts'
import { lookSystem, type Circumstances } from './look/look.ts'
import { oldSystem } from './look/old-system.ts'
import { run } from './run.ts'

/** The running file. */
const SELF = '/proc/self/exe'

/** `argv`: the words after the role. Sets process.exitCode. */
export async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = await run(argv, processIo(), {
    look: () => lookSystem(oldSystem(), circumstances()),
    act: () => {
      const detail = 'This version plans only: nothing was changed. Use --dry-run.'
      return Promise.reject(new InstallError(ExitCode.failed, 'plans-only', detail))
    },
  })
}

function circumstances(): Circumstances {
  const self = statSync(SELF)
  const there = statSync(NODE_FILE, { throwIfNoEntry: false })
  return {
    userId: process.geteuid?.() ?? -1,
    architecture: process.arch,
    fileBytes: self.size,
    isInPlace: there?.ino === self.ino && there.dev === self.dev,
    freeBytes,
    earlier: earlierInstallation(),
  }
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
