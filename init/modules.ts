// Loads the kernel modules that this machine's hardware asks for, from /lib/modules: no modprobe here.
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { release } from 'node:os'
import { basename, join } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { Native } from '../sys/native.ts'
import { loadModule } from '../sys/reboot.ts'
import { check } from '../sys/sys-error.ts'
import {
  loadOrder,
  matchingModules,
  moduleName,
  parseAliases,
  parseDependencies,
} from './boot/module-index.ts'
import type { Log } from './supervisor/log.ts'

/** The power button: no hardware asks for it by a device that we look at. */
const ALWAYS = ['button']
/** Disks and network, the buses that lead to them, watchdogs. Nothing else is worth its memory here. */
const WANTED =
  /^kernel\/drivers\/(ata|block|hv|message|mmc|net|nvme|pci|scsi|usb\/host|usb\/storage|virtio|watchdog|xen)\//
/** A loaded bus driver shows new devices, which ask for drivers again. */
const PASSES_MAX = 5
const MODULE_BYTES_MAX = 32 * 1024 * 1024

export interface ModuleSources {
  /** /lib/modules/VERSION */
  directory: string
  /** /sys/bus */
  buses: string
  /** /proc/modules */
  loaded: string
}
const here: ModuleSources = {
  directory: `/lib/modules/${release()}`,
  buses: '/sys/bus',
  loaded: '/proc/modules',
}

/** The names of what was loaded. Only on a machine of our own, and never throws. */
export function loadModules(native: Native, log: Log, sources: ModuleSources = here): string[] {
  if (native.ownsMachine() !== 1) return []
  const dependencyText = readOrNull(join(sources.directory, 'modules.dep'))
  if (dependencyText === null) {
    log.info({ directory: sources.directory }, 'no kernel modules here')
    return []
  }
  const dependencies = parseDependencies(dependencyText)
  const tried = new Set(loadedNames(sources.loaded))
  const done: string[] = []
  const aliasText = readOrNull(join(sources.directory, 'modules.alias')) ?? ''
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const asked = matchingModules(parseAliases(aliasText), presentDevices(sources.buses))
    const fresh = [...ALWAYS, ...asked.filter((name) => isWanted(dependencies.get(name)?.path))]
      .flatMap((name) => loadOrder(dependencies, name))
      .filter((path) => !tried.has(moduleName(path)))
    if (fresh.length === 0) break
    for (const path of fresh) {
      if (tried.has(moduleName(path))) continue
      tried.add(moduleName(path))
      if (loadOne(native, log, join(sources.directory, path))) done.push(moduleName(path))
    }
  }
  return done
}

/** A module that no hardware asks for. False when it is not there, or refused. Never throws. */
export function loadNamed(
  native: Native,
  log: Log,
  name: string,
  sources: ModuleSources = here,
): boolean {
  if (native.ownsMachine() !== 1) return false
  const dependencies = parseDependencies(readOrNull(join(sources.directory, 'modules.dep')) ?? '')
  const there = new Set(loadedNames(sources.loaded))
  const paths = loadOrder(dependencies, name).filter((path) => !there.has(moduleName(path)))
  const done = paths.map((path) => loadOne(native, log, join(sources.directory, path)))
  return done.at(-1) ?? false
}

const isWanted = (path: string | undefined): boolean => path !== undefined && WANTED.test(path)

function loadOne(native: Native, log: Log, path: string): boolean {
  try {
    const fd = openModule(native, path)
    try {
      loadModule(native, fd, basename(path))
    } finally {
      closeSync(fd)
    }
    return true
  } catch (error) {
    // EEXIST: built in, or loaded meanwhile. ENODEV: the driver has found nothing to drive.
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') log.info({ err: error, path }, 'kernel module not loaded')
    return false
  }
}

/** A descriptor of the uncompressed module. Throws Node's fs errors, SysError, or a sentence. */
function openModule(native: Native, path: string): number {
  if (path.endsWith('.ko')) return openSync(path, 'r')
  const packed = readFileSync(path)
  const limit = { maxOutputLength: MODULE_BYTES_MAX }
  if (path.endsWith('.gz')) return memoryFile(native, gunzipSync(packed, limit))
  if (path.endsWith('.zst')) return memoryFile(native, zstdDecompressSync(packed, limit))
  throw new Error(`${basename(path)}: compressed kernel modules must be .ko.gz or .ko.zst`)
}

function memoryFile(native: Native, bytes: Buffer): number {
  const fd = check(native.memfdCreate('module'), 'memfd_create')
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
  return fd
}

/** Every device's own description of itself, once. */
function presentDevices(buses: string): string[] {
  const found = new Set<string>()
  for (const bus of list(buses)) {
    for (const device of list(join(buses, bus, 'devices'))) {
      const alias = readOrNull(join(buses, bus, 'devices', device, 'modalias'))?.trim()
      if (alias !== undefined && alias !== '') found.add(alias)
    }
  }
  return [...found]
}

const loadedNames = (path: string): string[] =>
  (readOrNull(path) ?? '').split('\n').map((line) => line.split(' ')[0] ?? '')

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
