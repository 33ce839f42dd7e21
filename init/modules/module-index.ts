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

/** Dashes in file names are underscores inside. */
export const normalName = (name: string): string => name.replaceAll('-', '_')

/** `kernel/drivers/net/xen-netfront.ko.zst` is xen_netfront. */
export const moduleName = (path: string): string =>
  normalName(basename(path).replace(/\.ko(\.\w+)?$/, ''))

/**
 * What the kernel's command line gives a module, as modprobe(8) hands it on: `nvme_core.io_timeout=60` is
 * `io_timeout=60` for nvme_core.
 */
export function moduleParameters(commandLine: string, name: string): string {
  const words = commandLine.match(/(?:[^\s"]|"[^"]*")+/g) ?? []
  return words
    .flatMap((word) => {
      const [, module = '', parameter = ''] = /^([\w-]+)\.(.+)$/.exec(word) ?? []
      return normalName(module) === name ? [parameter] : []
    })
    .join(' ')
}

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

/** modules.softdep: `softdep NAME pre: NAME ... post: NAME ...`; what comes after a module is left out. */
export function parseSoftDependencies(text: string): Map<string, string[]> {
  const soft = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [keyword, name = '', ...words] = line.split(/\s+/).filter((word) => word !== '')
    if (keyword !== 'softdep') continue
    const before = soft.get(normalName(name)) ?? []
    let isBefore = false
    for (const word of words) {
      if (word === 'pre:' || word === 'post:') isBefore = word === 'pre:'
      else if (isBefore) before.push(word)
    }
    soft.set(normalName(name), before)
  }
  return soft
}

/** modules.builtin: a path a line, of what is part of the kernel itself. */
export const parseBuiltin = (text: string): Set<string> =>
  new Set(text.split('\n').flatMap((path) => (path === '' ? [] : moduleName(path))))

/** A kernel's modules as depmod(8) describes them. */
export interface ModuleIndex {
  files: ReadonlyMap<string, ModuleFile>
  soft: ReadonlyMap<string, readonly string[]>
  builtin: ReadonlySet<string>
  /** The text of modules.alias: most boots need a handful of its tens of thousands of lines. */
  aliases: string
}

/** The modules that a name means: itself, or those of which it is an alias (crc32c is any of several). */
export function modulesOf({ files, builtin, aliases }: ModuleIndex, name: string): string[] {
  if (files.has(normalName(name))) return [normalName(name)]
  if (builtin.has(normalName(name))) return []
  return [...aliasedBy(aliases, name)]
}

/** What has exactly this alias. By a search in the text: to take all of its lines apart is seconds of a slow processor. */
function* aliasedBy(aliases: string, name: string): Generator<string> {
  const start = `alias ${name} `
  for (let at = aliases.indexOf(start); at >= 0; at = aliases.indexOf(start, at + 1)) {
    const newline = aliases.indexOf('\n', at)
    const end = newline < 0 ? aliases.length : newline
    if (at === 0 || aliases[at - 1] === '\n') yield aliases.slice(at + start.length, end)
  }
}

/**
 * The paths of what a module needs, each before whoever needs it, and its own last; nothing for an unknown
 * name. `seen`: names that are in it already, for softdeps may go in circles.
 */
export function loadOrder(
  index: ModuleIndex,
  name: string,
  seen: Set<string> = new Set(),
): string[] {
  const file = index.files.get(name)
  if (file === undefined || seen.has(name)) return []
  seen.add(name)
  const paths = new Set<string>()
  for (const path of [...file.needs.toReversed(), file.path]) {
    for (const wanted of index.soft.get(moduleName(path)) ?? []) {
      for (const one of modulesOf(index, wanted).flatMap((each) => loadOrder(index, each, seen)))
        paths.add(one)
    }
    paths.add(path)
  }
  return [...paths]
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
