// For tests: an installation in a temporary directory, and the lives of a node that begin with it.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileContent, makeChanges } from '../../installation/changes.ts'
import { readInstallation, writeInstallation } from '../../installation/record.ts'
import type { Change, Installation } from '../../protocol/installation.ts'
import { emptyRecord, memoryLife, type MemoryRecord } from '../../sys/fake-life.ts'
import { fakeNative } from '../../sys/fake-native.ts'
import { createBootLog } from '../console.ts'
import { createNodeNotes } from '../node-notes.ts'
import { FakeClock } from '../supervisor/fake-clock.ts'
import { beginInstallation, type NodeInstallation } from './installation.ts'

export const MINUTE_MS = 60_000
export const BOOT_MS = 7_000

export class TestInstallation implements Disposable {
  /** Where `/` is. */
  readonly place = mkdtempSync(join(tmpdir(), 'installation-'))
  readonly clock = new FakeClock(BOOT_MS + 1000)
  /** Why the node was asked to go down. */
  readonly ended: string[] = []
  /** The console. */
  shown = ''
  lives: MemoryRecord = emptyRecord()

  constructor() {
    this.lives.numbers.set('bootMs', BOOT_MS)
    for (const path of ['boot', 'sbin', 'etc', 'usr/bin', 'proc'])
      mkdirSync(join(this.place, path), { recursive: true })
    for (const path of ['sbin/solocloud', 'usr/bin/bash', 'etc/passwd', 'etc/fstab'])
      writeFileSync(join(this.place, path), '')
    writeFileSync(this.mountInfo, `1 1 8:1 / / rw - ext4 /dev/sda1 rw\n`)
  }

  [Symbol.dispose](): void {
    rmSync(this.place, { recursive: true })
  }

  get directory(): string {
    return join(this.place, 'var/lib/solocloud/installation')
  }
  get config(): string {
    return join(this.place, 'boot/custom.cfg')
  }
  get environment(): string {
    return join(this.place, 'boot/grubenv')
  }
  get mountInfo(): string {
    return join(this.place, 'proc/mountinfo')
  }
  /** The record's, on disk. */
  get state(): string | undefined {
    return readInstallation(this.directory)?.state
  }

  /** null when it is not there. */
  read(path: string): string | null {
    return existsSync(path) ? readFileSync(path, 'utf8') : null
  }

  /** As `install` leaves it: the record, and then the changes that boot the node once. */
  install(changes: Partial<Installation> = {}): Installation {
    writeFileSync(this.environment, 'old environment')
    const file = (text: string): Change['after'] => fileContent(this.directory, text)
    const absent = { kind: 'absent' } as const
    const once: Change[] = [
      { path: this.config, before: absent, after: file('an entry') },
      {
        path: this.environment,
        before: file('old environment'),
        after: file('next_entry=node'),
      },
    ]
    const value: Installation = {
      version: 1,
      method: 'grub',
      state: 'trial',
      installedAt: '2026-01-02T03:04:05Z',
      file: '/sbin/solocloud',
      trialMs: 15 * MINUTE_MS,
      once,
      permanent: [{ path: this.config, before: absent, after: file('an entry, and the default') }],
      created: [],
      purge: { onConfirm: false, keep: [] },
      ...changes,
    }
    writeInstallation(this.directory, value)
    makeChanges(this.directory, once)
    return value
  }

  /** Another life of the same boot is another call; another boot is one with new `lives`. */
  begin(bootTrialMs: number | null = null): NodeInstallation {
    const begun = beginInstallation({
      native: fakeNative({ ownsMachine: () => 0 }),
      life: memoryLife(this.lives),
      notes: createNodeNotes(memoryLife(this.lives)),
      log: createBootLog({ write: (text) => void (this.shown += text) }),
      clock: this.clock,
      directory: this.directory,
      place: { root: this.place, mountInfo: this.mountInfo },
    })
    begun.watchTrial(bootTrialMs, (reason) => this.ended.push(reason))
    return begun
  }
}
