// The files that depmod(8) leaves beside the kernel modules, and what they mean for a device.
import { basename } from 'node:path'

export interface ModuleFile {
  /** Relative to /lib/modules/VERSION. */
  path: string
  /** Paths of what must be loaded before, the last first. */
  needs: readonly string[]
}

export interface Alias {
  pattern: string
  module: string
}

/** `kernel/drivers/net/virtio_net.ko.zst` is virtio_net; dashes in file names are underscores inside. */
export const moduleName = (path: string): string =>
  basename(path)
    .replace(/\.ko(\.\w+)?$/, '')
    .replaceAll('-', '_')

/** modules.dep: `path: path path ...`, by module name. */
export function parseDependencies(text: string): Map<string, ModuleFile> {
  const files = new Map<string, ModuleFile>()
  for (const line of text.split('\n')) {
    const [path = '', rest = ''] = line.split(':')
    if (path === '') continue
    files.set(moduleName(path), { path, needs: rest.split(' ').filter((word) => word !== '') })
  }
  return files
}

/** The module's path after those of everything that it needs; nothing for an unknown name. */
export function loadOrder(files: ReadonlyMap<string, ModuleFile>, name: string): string[] {
  const file = files.get(name)
  return file === undefined ? [] : [...file.needs.toReversed(), file.path]
}

/** modules.alias: `alias PATTERN MODULE`. */
export function* parseAliases(text: string): Generator<Alias> {
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline
    const [word, pattern, module] = text.slice(at, end).split(' ')
    if (word === 'alias' && pattern !== undefined && module !== undefined) yield { pattern, module }
    at = end + 1
  }
}

/** The modules whose patterns fit a device, each once. */
export function matchingModules(aliases: Iterable<Alias>, devices: readonly string[]): string[] {
  const found = new Set<string>()
  for (const { pattern, module } of aliases) {
    if (!found.has(module) && devices.some((device) => matches(pattern, device))) {
      found.add(module)
    }
  }
  return [...found]
}

/**
 * fnmatch(3) for what occurs in aliases: `*`, `?` and `[a-c]`. Linear in the number of stars, unlike a
 * regular expression: tens of thousands of patterns are tried on each device.
 */
export function matches(pattern: string, text: string): boolean {
  let [p, t] = [0, 0]
  let [starP, starT] = [-1, 0]
  while (t < text.length) {
    if (pattern[p] === '*') {
      ;[starP, starT] = [p, t]
      p++
      continue
    }
    const next = matchOne(pattern, p, text.charAt(t))
    if (next > 0) {
      p = next
      t++
    } else if (starP >= 0) {
      // Back to the last star, which takes one character more.
      p = starP + 1
      t = ++starT
    } else {
      return false
    }
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

/** Where the pattern goes on after it has taken `character`; 0 when it does not take it. */
function matchOne(pattern: string, p: number, character: string): number {
  const expected = pattern[p]
  if (expected === '[') {
    const end = pattern.indexOf(']', p)
    return end > 0 && inSet(pattern.slice(p + 1, end), character) ? end + 1 : 0
  }
  return expected === '?' || expected === character ? p + 1 : 0
}

function inSet(set: string, character: string): boolean {
  for (let i = 0; i < set.length; i++) {
    const range = set[i + 1] === '-' && i + 2 < set.length
    const low = set.charAt(i)
    const high = range ? set.charAt(i + 2) : low
    if (character >= low && character <= high) return true
    if (range) i += 2
  }
  return false
}
