// Loads the addon: the only place that does.
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Native } from './native.ts'

/** Where `make build` puts the addon; not asked for inside the bundle, where the variable is always set. */
const built = (): string => fileURLToPath(new URL('../build/syscalls.node', import.meta.url))

/** Kept, because main.ts takes the variable away. */
let loaded: { exports: unknown } | undefined

/**
 * The addon, loaded once, from `SOLOCLOUD_ADDON` (the loader's path, `/proc/self/fd/N`), else from build/.
 * Throws Node's ERR_DLOPEN_FAILED.
 */
export function loadNative(): Native {
  if (!loaded) {
    const fresh = { exports: {} }
    process.dlopen(fresh, process.env['SOLOCLOUD_ADDON'] ?? built())
    loaded = fresh
  }
  return loaded.exports as Native
}
