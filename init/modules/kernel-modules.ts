// Loads the kernel modules that this machine's hardware asks for, from /lib/modules: no modprobe here. Which
// ones is decided by the hardware and the lists below alone, for the old system's /etc/modprobe.d goes with it:
// what must not be loaded is named by `module_blacklist=` on the kernel's command line.
import { readdirSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import type { Native } from '../../sys/native.ts'
import type { Log } from '../supervisor/log.ts'
import { loadModuleFile, type ModuleLoader } from './module-file.ts'
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
   * A module that no hardware asks for, or all of which `name` is an alias. Whether it is there now. Never
   * rejects.
   */
  loadNamed(name: string): Promise<boolean>
}

export function createKernelModules({
  native,
  log,
  unxz,
  scratch,
  sources = here,
}: KernelModulesOptions): KernelModules {
  const loader: ModuleLoader = { native, unxz, directory: scratch }

  const loadOne = async (path: string): Promise<boolean> => {
    const parameters = moduleParameters(readOrEmpty(sources.commandLine), moduleName(path))
    try {
      await loadModuleFile(loader, join(sources.directory, path), parameters)
      return true
    } catch (error) {
      // EEXIST: built in, or loaded meanwhile. ENODEV: the driver has found nothing to drive.
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EEXIST') log.info({ err: error, path }, 'kernel module not loaded')
      return false
    }
  }

  /** The names of what was loaded of `paths`; every one counts as tried from then on. */
  const loadAll = async (paths: readonly string[], tried: Set<string>): Promise<string[]> => {
    const done: string[] = []
    for (const path of paths) {
      const name = moduleName(path)
      if (tried.has(name)) continue
      tried.add(name)
      if (await loadOne(path)) done.push(name)
    }
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
        const asked = matchingModules(parseAliases(index.aliases), presentDevices(sources.buses))
        const wanted = asked.filter((name) => WANTED.test(index.files.get(name)?.path ?? ''))
        const fresh = [...ALWAYS, ...wanted]
          .filter((name) => !tried.has(name))
          .flatMap((name) => loadOrder(index, name))
        if (fresh.length === 0) break
        done.push(...(await loadAll(fresh, tried)))
      }
      return done
    },

    async loadNamed(name) {
      if (native.ownsMachine() !== 1) return false
      const index = readIndex(sources.directory)
      const names = modulesOf(index, name)
      await loadAll(
        names.flatMap((one) => loadOrder(index, one)),
        new Set(loadedNames(sources.loaded)),
      )
      const loaded = new Set(loadedNames(sources.loaded))
      return index.builtin.has(normalName(name)) || names.some((one) => loaded.has(one))
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
