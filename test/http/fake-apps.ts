// Apps without processes: keeps what it was asked for, and hashes what is pushed.
import { createHash } from 'node:crypto'
import type { AppStatus, LogLine, NodeHistory, NodeStatus, Progress } from '../../protocol/api.ts'
import type { Log } from '../../init/supervisor/log.ts'
import { AppError, type Apps, type Push } from '../../init/supervisor/apps.ts'

export function sampleApp(name: string, changes: Partial<AppStatus> = {}): AppStatus {
  return {
    name,
    state: 'running',
    isolation: 'namespaces',
    pid: 42,
    startedAt: '2026-01-02T03:04:05.000Z',
    restarts: 0,
    lastExit: null,
    error: null,
    generation: 1,
    previousGeneration: null,
    digest: `sha256:${'0'.repeat(64)}`,
    version: '1.0.0',
    management: false,
    deploying: false,
    ...changes,
  }
}

export function sampleNode(): NodeStatus {
  return {
    version: '0.1.0',
    life: 1,
    hostname: 'vps',
    kernel: '6.1.0',
    architecture: 'amd64',
    uptimeMs: 90_061_000,
    bootedAt: '2026-01-01T00:00:00.000Z',
    memory: { totalBytes: 256 * 1024 ** 2, availableBytes: 200 * 1024 ** 2 },
    disk: { totalBytes: 10 * 1024 ** 3, freeBytes: 9 * 1024 ** 3, freeInodes: 600_000 },
    isolation: 'namespaces',
    degraded: [],
    addresses: ['10.0.2.15'],
    apps: { total: 1, running: 1 },
    init: {
      version: '0.1.0',
      upgrade: { state: 'none', reason: null },
      residentBytes: 40 * 1024 ** 2,
      unreclaimableBytes: 12 * 1024 ** 2,
      orphansReaped: 3,
      descriptors: 40,
    },
    installation: null,
    manage: ['unix:/run/solocloud/manage.sock'],
  }
}

export function sampleHistory(): NodeHistory {
  return {
    crashes: [
      {
        at: '2026-01-02T03:04:05.678Z',
        life: 2,
        uptimeMs: 65_000,
        reason: 'uncaught exception',
        address: null,
        nativeStack: [],
        jsStack: 'Error: no\n    at work (init/main.ts:7:7)',
        thread: 'main',
        version: '0.1.0',
      },
      {
        at: '2026-01-02T03:02:59.000Z',
        life: 1,
        uptimeMs: 3_600_000,
        reason: 'SIGSEGV',
        address: '0x10',
        nativeStack: ['0x4010', '0x5020'],
        jsStack: null,
        thread: 'thread 7',
        version: '0.1.0',
      },
    ],
    boots: [
      {
        startedAt: '2026-01-01T00:00:00.000Z',
        version: '0.1.0',
        shutDown: null,
        panic: 'Kernel panic - not syncing: \u001bx\n Call Trace:\n',
      },
      {
        startedAt: '2025-12-31T00:00:00.000Z',
        version: '0.1.0',
        shutDown: { how: 'reboot', reason: 'cloud reboot', at: '2025-12-31T23:59:00.000Z' },
        panic: null,
      },
    ],
  }
}

export class FakeApps implements Apps {
  readonly apps = new Map<string, AppStatus>()
  readonly lines = new Map<string, LogLine[]>()
  readonly #listeners = new Map<string, Set<(line: LogLine) => void>>()
  readonly #deploying = new Set<string>()
  /** Errors that deploy() ended with, oldest first. */
  readonly failures: unknown[] = []
  pushedBytes = 0
  concurrent = 0
  concurrentMax = 0
  /** Runs in deploy() once the body has been read. */
  afterUpload: (push: Push) => Promise<void> = () => Promise.resolve()
  /** Runs in deploy() before the body is read. */
  beforeUpload: (push: Push) => Promise<void> = () => Promise.resolve()

  add(name: string, changes: Partial<AppStatus> = {}): AppStatus {
    const app = sampleApp(name, changes)
    this.apps.set(name, app)
    return app
  }

  followers(name: string): number {
    return this.#listeners.get(name)?.size ?? 0
  }

  /** The app writes a line. */
  write(name: string, line: string, stream: LogLine['stream'] = 'stdout'): void {
    const entry: LogLine = { at: '2026-01-02T03:04:05.678Z', stream, line }
    this.lines.set(name, [...(this.lines.get(name) ?? []), entry])
    for (const listener of this.#listeners.get(name) ?? []) listener(entry)
  }

  list(): AppStatus[] {
    return [...this.apps.values()]
  }

  get(name: string): AppStatus {
    const app = this.apps.get(name)
    if (app === undefined) throw new AppError('no-such-app', `There is no app "${name}".`)
    return app
  }

  async deploy(push: Push): Promise<AppStatus> {
    if (this.#deploying.has(push.name)) {
      throw new AppError('push-in-progress', `A push of ${push.name} is under way.`)
    }
    this.#deploying.add(push.name)
    this.concurrentMax = Math.max(this.concurrentMax, ++this.concurrent)
    try {
      return await this.#unpack(push)
    } catch (error) {
      this.failures.push(error)
      throw error
    } finally {
      this.concurrent--
      this.#deploying.delete(push.name)
    }
  }

  async #unpack(push: Push): Promise<AppStatus> {
    await this.beforeUpload(push)
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of push.body as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.length
      this.pushedBytes += chunk.length
      push.onProgress({ event: 'unpacking', bytes, entries: 1 })
    }
    const sha256 = hash.digest('hex')
    if (push.packedSha256 !== null && push.packedSha256 !== sha256) {
      throw new AppError(
        'digest-mismatch',
        'The image is not what its Repr-Digest says; push again.',
      )
    }
    await this.afterUpload(push)
    const digest = `sha256:${sha256}`
    const generation = (this.apps.get(push.name)?.generation ?? 0) + 1
    push.onProgress({ event: 'unpacked', digest, bytes, entries: 1, generation })
    push.onProgress({ event: 'starting', generation })
    push.onProgress({ event: 'started', pid: 42, isolation: 'namespaces' })
    return this.add(push.name, { digest, generation })
  }

  remove(name: string): Promise<void> {
    return Promise.resolve().then(() => {
      this.get(name)
      this.apps.delete(name)
    })
  }

  restart(name: string): Promise<AppStatus> {
    return Promise.resolve().then(() => this.add(name, { restarts: this.get(name).restarts + 1 }))
  }

  async rollback(name: string, onProgress: (progress: Progress) => void): Promise<AppStatus> {
    const { previousGeneration } = this.get(name)
    if (previousGeneration === null) {
      throw new AppError('no-previous-generation', `${name} has no generation to go back to.`)
    }
    await Promise.resolve()
    onProgress({ event: 'starting', generation: previousGeneration })
    return this.add(name, { generation: previousGeneration })
  }

  tail(name: string, count: number): LogLine[] {
    const lines = this.lines.get(name) ?? []
    return count === 0 ? [] : lines.slice(-count)
  }

  follow(name: string, listener: (line: LogLine) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener))
    return () => void listeners.delete(listener)
  }
}

/** Keeps what was logged as an error: a test that met a bug can see it. */
export class FakeLog implements Log {
  readonly errors: object[] = []
  info(): void {
    return
  }
  warn(): void {
    return
  }
  error(fields: object, message: string): void {
    this.errors.push({ ...fields, message })
  }
}
