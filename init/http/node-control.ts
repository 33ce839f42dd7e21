// What the management server may ask of the node itself.
import type { Readable } from 'node:stream'
import type {
  NodeHistory,
  NodeStatus,
  Purged,
  PurgeProgress,
  UpgradeProgress,
} from '../../protocol/api.ts'
import type { InstallationStatus } from '../../protocol/installation.ts'

/** A file that is to run in PID 1's place. */
export interface UpgradeFile {
  body: Readable
  /** How long the body is. */
  bytes: number
  /** Lower-case hex. */
  sha256: string
}

/** The file to run next is checked and ready. */
export interface Restart {
  version: string
  /** The number of the life that ends. */
  life: number
  /** Ends this life, and with it every connection. */
  begin(): void
}

/** Bytes that are made while they are read. */
export interface Archive {
  /** Ends with an error when they are not whole. */
  bytes: AsyncIterable<Uint8Array>
  /** Nobody reads on. */
  cancel(): void
}

type OnProgress = (progress: UpgradeProgress) => void

export interface NodeControl {
  status(): NodeStatus
  /** How PID 1's lives and the machine's boots have ended. */
  history(): NodeHistory
  /**
   * What `cloud` has asked was understood, and it got here: on trial, that confirms the node. `by`: who, and
   * with what. Never throws.
   */
  noticeCloud(by: string): void
  /** Ends the trial: from then on the machine boots the node. Throws AppError. */
  confirm(by: string): InstallationStatus
  /**
   * Removes the old system, apart from what the node needs and these absolute paths. Rejects with AppError;
   * then what is gone is gone, and it can be asked for again.
   */
  purge(keep: readonly string[], tell: (progress: PurgeProgress) => void): Promise<Purged>
  /** The old system is what boots from now on; `begin` removes the node. Throws AppError, and it stays. */
  uninstall(): { begin: () => void }
  /** The archive of protocol/backup.ts. Rejects with AppError. */
  backup(): Promise<Archive>
  /** Begins the shutdown and returns; the answer has been sent by then. */
  reboot(): void
  powerOff(): void
  /** Rejects with AppError, and nothing has changed. Until `begin`, no other upgrade is possible. */
  upgrade(file: UpgradeFile, onProgress: OnProgress): Promise<Restart>
  /** As `upgrade`, with the file that ran before the last one. */
  rollBack(onProgress: OnProgress): Promise<Restart>
}
