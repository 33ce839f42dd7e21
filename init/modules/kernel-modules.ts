// Loads the kernel modules that this machine's hardware asks for, from /lib/modules: no modprobe here. Which
// ones is decided by the hardware and the lists below alone, for the old system's /etc/modprobe.d goes with it:
// what must not be loaded is named by `module_blacklist=` on the kernel's command line.
import { readdirSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Native } from '../../sys/native.ts'
import type { Log } from '../supervisor/log.ts'
import { ModuleLoader } from './module-file.ts'
import {
  loadOrder,
  matchingModules,
  moduleName,
  moduleParameters,
  modulesOf,
  normalName,
  parseAliases,
  parseBuiltin,
  parseDependencies,
  parseSoftDependencies,
  type Alias,
  type ModuleIndex,
} from './module-index.ts'
import type { Unxz } from './unxz.ts'

/** The power button: no hardware asks for it by a device that we look at. */
const ALWAYS = ['button', 'evdev']
/** Disks and network, the buses that lead to them, watchdogs. Nothing else is worth its memory here. */
const WANTED =
  /^kernel\/drivers\/(ata|block|hv|message|mmc|net|nvme|pci|scsi|usb\/host|usb\/storage|virtio|watchdog|xen)\//
/** A loaded bus driver shows new devices, which ask for drivers again. */
const PASSES_MAX = 5
const ALIASES_A_TURN = 256

export interface ModuleSources {
  /** /lib/modules/VERSION */
  directory: string
  /** /sys/bus */
  buses: string
  /** /proc/modules */
  loaded: string
  /** /proc/cmdline */
  commandLine: string
}
const here: ModuleSources = {
  directory: `/lib/modules/${release()}`,
  buses: '/sys/bus',
  loaded: '/proc/modules',
  commandLine: '/proc/cmdline',
}

export interface KernelModulesOptions {
  native: Native
  log: Log
  unxz: Unxz
  /** For a moment, on a kernel without memfd. */
  scratch: string
  sources?: ModuleSources
}

/** Only on a machine of our own. */
export interface KernelModules {
  /** The names of what was loaded. Never rejects. */
  loadHardware(): Promise<string[]>
  /**
   * Modules that no hardware asks for; of an alias, all that have it. Whether each name is there now. Never
   * rejects.
   */
  loadNamed(...names: string[]): Promise<boolean>
}

export function createKernelModules({
  native,
  log,
  unxz,
  scratch,
  sources = here,
}: KernelModulesOptions): KernelModules {
  const loader = new ModuleLoader({ native, unxz, directory: scratch })

  /** The names of what was loaded of `paths`; every one counts as tried from then on. */
  const loadAll = async (paths: readonly string[], tried: Set<string>): Promise<string[]> => {
    const commandLine = readOrEmpty(sources.commandLine)
    const fresh = [...new Set(paths)].filter((path) => !tried.has(moduleName(path)))
    const modules = fresh.map((path) => ({
      path: join(sources.directory, path),
      parameters: moduleParameters(commandLine, moduleName(path)),
    }))
    const done: string[] = []
    await loader.load(modules, ({ path }, error) => {
      if (error === null) done.push(moduleName(path))
      // EEXIST: built in, or loaded meanwhile. ENODEV: the driver has found nothing to drive.
      else if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
        log.info({ err: error, path }, 'kernel module not loaded')
    })
    for (const path of fresh) tried.add(moduleName(path))
    return done
  }

  return {
    async loadHardware() {
      if (native.ownsMachine() !== 1) return []
      const index = readIndex(sources.directory)
      if (index.files.size === 0) {
        log.info({ directory: sources.directory }, 'no kernel modules here')
        return []
      }
      const tried = new Set(loadedNames(sources.loaded))
      const done: string[] = []
      for (let pass = 0; pass < PASSES_MAX; pass++) {
        const asked = await driversOf(index, presentDevices(sources.buses))
        const fresh = [...ALWAYS, ...asked]
          .filter((name) => !tried.has(name))
          .flatMap((name) => loadOrder(index, name))
        if (fresh.length === 0) break
        done.push(...(await loadAll(fresh, tried)))
      }
      return done
    },

    async loadNamed(...names) {
      if (native.ownsMachine() !== 1) return false
      if (names.length === 0) return true
      const index = readIndex(sources.directory)
      const meant = names.map((name) => modulesOf(index, name))
      const paths = meant.flat().flatMap((one) => loadOrder(index, one))
      await loadAll(paths, new Set(loadedNames(sources.loaded)))
      const loaded = new Set(loadedNames(sources.loaded))
      return names.every(
        (name, at) =>
          index.builtin.has(normalName(name)) || meant[at]?.some((one) => loaded.has(one)),
      )
    },
  }
}

function readIndex(directory: string): ModuleIndex {
  const read = (name: string): string => readOrEmpty(join(directory, name))
  return {
    files: parseDependencies(read('modules.dep')),
    soft: parseSoftDependencies(read('modules.softdep')),
    builtin: parseBuiltin(read('modules.builtin')),
    aliases: read('modules.alias'),
  }
}

/**
 * The wanted drivers that a device asks for. In turns: tens of thousands of patterns are seconds on a slow
 * processor, in which PID 1 has to answer and to feed its watchdog.
 */
async function driversOf(index: ModuleIndex, devices: readonly string[]): Promise<string[]> {
  const wanted = new Set(
    [...index.files].flatMap(([name, { path }]) => (WANTED.test(path) ? name : [])),
  )
  const found = new Set<string>()
  let turn: Alias[] = []
  const take = async (): Promise<void> => {
    for (const name of matchingModules(turn, devices)) found.add(name)
    turn = []
    await setImmediate()
  }
  for (const alias of parseAliases(index.aliases)) {
    if (!wanted.has(alias.module) || found.has(alias.module)) continue
    if (turn.push(alias) === ALIASES_A_TURN) await take()
  }
  await take()
  return [...found]
}

/** Every device's own description of itself, once. */
function presentDevices(buses: string): string[] {
  const found = new Set<string>()
  for (const bus of list(buses)) {
    for (const device of list(join(buses, bus, 'devices'))) {
      const alias = readOrEmpty(join(buses, bus, 'devices', device, 'modalias')).trim()
      if (alias !== '') found.add(alias)
    }
  }
  return [...found]
}

const loadedNames = (path: string): string[] =>
  readOrEmpty(path)
    .split('\n')
    .flatMap((line) => line.split(' ')[0] || [])

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
