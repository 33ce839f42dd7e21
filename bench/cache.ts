// Keeps one version of a thing in the cache: its name holds a digest of what it was made from.
import { existsSync } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * `dir`/`kind`-`digest`, from the cache or made by `make`, which fills the directory whose name it gets. It
 * appears only when it is complete; other versions of this kind are removed.
 */
export async function cached(
  dir: string,
  kind: string,
  digest: string,
  make: (partial: string) => Promise<void>,
): Promise<string> {
  const name = `${kind}-${digest}`
  const path = join(dir, name)
  if (existsSync(path)) return path
  const partial = `${path}.partial`
  try {
    await rm(partial, { recursive: true, force: true })
    await make(partial)
    const others = (await readdir(dir)).filter((other) => isVersion(other, kind))
    for (const other of others) await rm(join(dir, other), { recursive: true, force: true })
    await rename(partial, path)
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
  return path
}

const isVersion = (name: string, kind: string): boolean =>
  name.startsWith(`${kind}-`) && /^[0-9a-f]+$/.test(name.slice(kind.length + 1))
