// What the management server may ask of the supervisor. http/ knows only this.
import type { Readable } from 'node:stream'
import type { AppStatus, LogLine, Progress } from '../../protocol/api.ts'

/** An operating error: becomes an RFC 9457 problem in one place (http/). */
export class AppError extends Error {
  override readonly name = 'AppError'
  /** Stable, for programs: 'no-such-app', 'push-in-progress', 'image-corrupt', 'disk-full' ... */
  readonly code: string
  /** The app's last log lines, where they help. */
  readonly logs: readonly LogLine[]
  constructor(code: string, message: string, logs: readonly LogLine[] = []) {
    super(message)
    this.code = code
    this.logs = logs
  }
}

export interface Push {
  name: string
  /** The packed image; destroyed with an error when the connection breaks. */
  body: Readable
  /** sha256 of the packed bytes, lower-case hex, from Repr-Digest; null when the client sent none. */
  packedSha256: string | null
  onProgress: (progress: Progress) => void
}

export interface Apps {
  list(): AppStatus[]
  /** Throws AppError 'no-such-app'. */
  get(name: string): AppStatus
  /** Resolves once the new generation has stayed up; rejects with AppError, and nothing has changed. */
  deploy(push: Push): Promise<AppStatus>
  /** Stops every process and deletes the chroot, all generations and logs. */
  remove(name: string): Promise<void>
  restart(name: string): Promise<AppStatus>
  rollback(name: string, onProgress: (progress: Progress) => void): Promise<AppStatus>
  /** The last `count` lines, oldest first. */
  tail(name: string, count: number): LogLine[]
  /** Calls `listener` for each new line until the returned function is called. */
  follow(name: string, listener: (line: LogLine) => void): () => void
}
