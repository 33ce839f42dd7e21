// Runs the built file in its role `unpack`, as PID 1 does, and gathers what it says.
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { createInterface } from 'node:readline'
import type { UnpackEvent } from '../../chroot-runner/unpack/main.ts'

export const FILE = resolve(import.meta.dirname, '../../build/solocloud')
export const isRoot = process.getuid?.() === 0
const RUN_MS_MAX = 120_000

export const MANIFEST = JSON.stringify({ architecture: goArchitecture(), config: { Cmd: ['/a'] } })

function goArchitecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch
}

/** A place to work in, gone when the scope ends. */
export class Workspace implements Disposable {
  readonly path: string
  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'solocloud-images-'))
  }

  at(path: string): string {
    return join(this.path, path)
  }

  directory(path: string): string {
    mkdirSync(this.at(path), { recursive: true })
    return this.at(path)
  }

  /** Runs a shell script here; it must succeed. */
  shell(script: string): string {
    const words = ['-euc', script]
    const options = { cwd: this.path, encoding: 'utf8', timeout: RUN_MS_MAX } as const
    const { status, stdout, stderr } = spawnSync('/bin/bash', words, options)
    if (status !== 0) throw new Error(`${script}: ${stderr}`)
    return stdout
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

export type UnpackProcess = ChildProcessByStdio<Writable, Readable, null>

/** Starts the role; its input stays open until `stdin.end()`. */
export function startUnpack(root: string, words: readonly string[] = []): UnpackProcess {
  const child = spawn(FILE, ['unpack', root, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: RUN_MS_MAX,
    killSignal: 'SIGKILL',
  })
  // It may end before it has read everything.
  child.stdin.on('error', () => undefined)
  return child
}

export interface Outcome {
  status: number | null
  events: UnpackEvent[]
}

/** Everything that the process says, until it has ended. */
export async function outcomeOf(
  child: UnpackProcess,
  onEvent: (event: UnpackEvent) => void = () => undefined,
): Promise<Outcome> {
  const { promise, resolve: ended } = Promise.withResolvers<number | null>()
  child.once('close', ended)
  const events: UnpackEvent[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as UnpackEvent
    events.push(event)
    onEvent(event)
  }
  return { status: await promise, events }
}

/** Unpacks an image that is there as a whole. */
export async function unpackFile(
  image: string,
  root: string,
  words: readonly string[] = [],
): Promise<Outcome> {
  const child = spawn('/bin/sh', ['-c', 'exec "$0" unpack "$@" < "$IMAGE"', FILE, root, ...words], {
    env: { IMAGE: image },
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: RUN_MS_MAX,
  })
  return outcomeOf(child)
}

/** `code: message` of the error that it ended in. */
export function errorOf({ events }: Outcome): string {
  const last = events.at(-1)
  return last?.event === 'error' ? `${last.code}: ${last.message}` : JSON.stringify(last)
}
