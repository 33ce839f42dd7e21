// A node without a machine: keeps what it was asked for.
import { createHash } from 'node:crypto'
import type {
  NodeHistory,
  NodeStatus,
  Purged,
  PurgeProgress,
  UpgradeProgress,
} from '../../protocol/api.ts'
import type { InstallationStatus } from '../../protocol/installation.ts'
import { Readable } from 'node:stream'
import type { Archive, NodeControl, Restart, UpgradeFile } from '../../init/http/node-control.ts'
import { AppError } from '../../init/supervisor/apps.ts'
import { sampleNode } from './fake-apps.ts'

type OnProgress = (progress: UpgradeProgress) => void

export class FakeNode implements NodeControl {
  readonly acts: string[] = []
  now = sampleNode()
  /** What the new file's life makes of `now`. */
  next: (now: NodeStatus) => NodeStatus = (now) => ({ ...now, life: now.life + 1 })
  /** Runs in upgrade() before the body is read. */
  beforeUpload: () => Promise<void> = () => Promise.resolve()
  /** Runs once the file is there, and in a rollback. */
  check: () => Promise<void> = () => Promise.resolve()

  /** Who has confirmed the node, and by which request. */
  readonly confirmed: string[] = []
  past: NodeHistory = { crashes: [], boots: [] }

  status(): NodeStatus {
    return this.now
  }
  history(): NodeHistory {
    return this.past
  }
  async upgrade(file: UpgradeFile, onProgress: OnProgress): Promise<Restart> {
    await this.beforeUpload()
    let bytes = 0
    const hash = createHash('sha256')
    for await (const chunk of file.body as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.length
      onProgress({ event: 'receiving', bytes, totalBytes: file.bytes })
    }
    if (hash.digest('hex') !== file.sha256 || bytes !== file.bytes)
      throw new AppError('digest-mismatch', 'The file is another one; send it again.')
    return this.rollBack(onProgress)
  }
  async rollBack(onProgress: OnProgress): Promise<Restart> {
    onProgress({ event: 'checking' })
    await this.check()
    onProgress({ event: 'testing' })
    const begin = (): void => void (this.now = this.next(this.now))
    return { version: '0.2.0', life: this.now.life, begin }
  }
  noticeCloud(by: string): void {
    this.confirmed.push(by)
  }
  confirm(by: string): InstallationStatus {
    const { installation } = this.now
    if (installation === null) throw new AppError('not-installed', 'It was not installed.')
    this.confirmed.push(by)
    const status = { ...installation, state: 'confirmed' as const, trialEndsAt: null }
    this.now = { ...this.now, installation: status }
    return status
  }
  /** What the last purge was to keep, and how it ends. */
  kept: readonly string[] = []
  purged: () => Promise<Purged> = () =>
    Promise.resolve({ entries: 2, freedBytes: 4096, left: [], leftCount: 0, otherMounts: [] })
  async purge(keep: readonly string[], tell: (event: PurgeProgress) => void): Promise<Purged> {
    this.kept = keep
    tell({ event: 'removing', entries: 1, freedBytes: 2048 })
    return this.purged()
  }
  uninstall(): { begin: () => void } {
    if (this.now.installation?.state === 'purged')
      throw new AppError('purged', 'There is nothing to go back to.')
    return { begin: () => void this.acts.push('uninstall') }
  }
  /** The bytes of a backup, and what ends them. */
  archive: () => AsyncIterable<Uint8Array> = () => Readable.from([Buffer.from('a tar')])
  cancelled = 0
  backup(): Promise<Archive> {
    const cancel = (): void => {
      this.cancelled++
    }
    return Promise.resolve().then(() => ({ bytes: this.archive(), cancel }))
  }
  reboot(): void {
    this.acts.push('reboot')
  }
  powerOff(): void {
    this.acts.push('poweroff')
  }
}
