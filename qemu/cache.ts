// Keeps versions of things that take long to make: a name holds a digest of what its thing was made from.
import { existsSync } from 'node:fs'
import { lstat, mkdir, readdir, rename, rm, utimes } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** A version that nobody has asked for in this time goes: other clones may use other versions. */
const KEPT_MS = 14 * 24 * 3_600_000
/** What a killed process has left. */
const PARTIAL_KEPT_MS = 24 * 3_600_000

/** A directory that outlives this clone (XDG Base Directory Specification). */
export function userCacheDir(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? ''
  // The specification has relative paths ignored.
  return join(base.startsWith('/') ? base : join(homedir(), '.cache'), 'solocloud')
}

/**
 * `dir`/`kind`-`digest`, from the cache or made by `make`, which makes the directory or file whose name it
 * gets. It appears only when it is complete, also when several processes make it at once.
 */
export async function cached(
  dir: string,
  kind: string,
  digest: string,
  make: (partial: string) => Promise<void>,
): Promise<string> {
  const path = join(dir, `${kind}-${digest}`)
  const now = new Date()
  if (existsSync(path)) {
    await utimes(path, now, now)
    return path
  }
  await mkdir(dir, { recursive: true })
  await removeOld(dir, kind, now.getTime())
  const partial = `${path}.partial-${process.pid}`
  try {
    await rm(partial, { recursive: true, force: true })
    await make(partial)
    await rename(partial, path).catch((error: unknown) => {
      // Somebody else was faster.
      if (!existsSync(path)) throw error
    })
    await utimes(path, now, now)
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
  return path
}

async function removeOld(dir: string, kind: string, nowMs: number): Promise<void> {
  for (const name of await readdir(dir)) {
    const rest = name.startsWith(`${kind}-`) ? name.slice(kind.length + 1) : ''
    const match = /^[0-9a-f]+(\.partial-\d+)?$/.exec(rest)
    if (match === null) continue
    const path = join(dir, name)
    const usedMs = await lstat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => nowMs,
    )
    const keptMs = match[1] === undefined ? KEPT_MS : PARTIAL_KEPT_MS
    if (nowMs - usedMs > keptMs) await rm(path, { recursive: true, force: true })
  }
}
