// The record of the installation as this life knows it, and what goes with it: changes that a boot loader sees.
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { isMade, makeChanges, takeBack } from '../../installation/changes.ts'
import { writeInstallation } from '../../installation/record.ts'
import type { Change, Installation } from '../../protocol/installation.ts'
import { settleFileSystem } from '../../sys/freeze.ts'
import type { Native } from '../../sys/native.ts'

export class KeptRecord {
  readonly #native: Pick<Native, 'ioctl' | 'ownsMachine'>
  readonly #directory: string
  #value: Installation

  /** `directory`: of the record and of the bytes of its changes. */
  constructor(
    native: Pick<Native, 'ioctl' | 'ownsMachine'>,
    directory: string,
    value: Installation,
  ) {
    this.#native = native
    this.#directory = directory
    this.#value = value
  }

  get value(): Installation {
    return this.#value
  }

  /** On disk when it returns. Throws Node's fs errors, and nothing has changed then. */
  write(changes: Partial<Installation>): void {
    const next = { ...this.#value, ...changes }
    writeInstallation(this.#directory, next)
    this.#value = next
  }

  /** Throws Node's fs errors; some may have been made. */
  make(changes: readonly Change[]): void {
    makeChanges(this.#directory, changes)
    this.#settle(changes)
  }

  /** Each by itself: one that fails does not keep the others. Why some are left, a sentence each. */
  takeBack(changes: readonly Change[]): string[] {
    const problems: string[] = []
    const attempt = (what: string, act: () => void): void => {
      try {
        act()
      } catch (error) {
        problems.push(`${what}: ${(error as Error).message}`)
      }
    }
    for (const change of changes.toReversed())
      attempt(`${change.path} stays changed`, () => takeBack(this.#directory, [change]))
    attempt('the boot loader may see it later', () => this.#settle(changes))
    return problems
  }

  /** Those that somebody has made, or that can't be looked at. */
  made(changes: readonly Change[]): Change[] {
    return changes.filter((change) => {
      try {
        return isMade(change)
      } catch {
        return true
      }
    })
  }

  #settle(changes: readonly Change[]): void {
    const directories = new Set(changes.map(({ path }) => dirname(path)))
    for (const directory of directories)
      if (existsSync(directory)) settleFileSystem(this.#native, directory)
  }
}
