// Adds to an image what its program needs to start: the loader (PT_INTERP) and, recursively, the libraries
// that the directory lacks, taken from this machine.
import { realpathSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import type { Manifest } from '../protocol/image.ts'
import { BuildError } from './build-error.ts'
import { type Elf, readElf } from './elf.ts'
import type { Entry } from './entry.ts'
import type { ImageRoot } from './image-root.ts'
import { standardDirectories } from './library-path.ts'
import { fileEntry } from './scan.ts'

export interface ClosureOptions {
  root: ImageRoot
  manifest: Manifest
  /** Where this machine has libraries, in the order of search. */
  hostDirectories: readonly string[]
}

/** A file that ld.so opens: where it looks for it, and where this machine has it. */
export interface LoadedFile {
  path: string
  hostPath: string
}

/** A file of the closure: where the app sees it, and where this machine has it. */
interface Loaded {
  path: string
  hostPath: string
  elf: Elf
  /** DT_RPATH of those that loaded it, expanded; it holds for what it loads too. */
  inheritedRpath: readonly string[]
}

/** The entries that the ELF program at `path` lacks. Throws BuildError when one is not to be found. */
export function closureOf(path: string, options: ClosureOptions): Entry[] {
  return new Closure(options).add(path)
}

/**
 * Everything that ld.so opens for the program at `path`, from wherever it is: its interpreter and its
 * libraries, without itself. Throws BuildError when one is not to be found.
 */
export function loadedBy(path: string, options: ClosureOptions): LoadedFile[] {
  const closure = new Closure(options)
  closure.add(path)
  return closure.files()
}

/** ELF files for another processor are not the library that is looked for, as for ld.so. */
function isFor(hostPath: string, architecture: Manifest['architecture']): boolean {
  return readElf(hostPath)?.architecture === architecture
}

class Closure {
  readonly #options: ClosureOptions
  readonly #standard: string[]
  readonly #environment: string[]
  readonly #added = new Map<string, Entry>()
  readonly #loaded = new Set<string>()
  readonly #files = new Map<string, string>()

  constructor(options: ClosureOptions) {
    this.#options = options
    this.#standard = standardDirectories(options.manifest.architecture)
    const variable = options.manifest.config.Env.find((word) => word.startsWith('LD_LIBRARY_PATH='))
    this.#environment = (variable ?? '')
      .replace(/^[^=]*=?/, '')
      .split(':')
      .filter(Boolean)
  }

  add(path: string): Entry[] {
    const { root, manifest } = this.#options
    const hostPath = root.hostPath(path)
    const elf = this.#read(hostPath)
    if (elf.architecture !== manifest.architecture) {
      throw new BuildError(
        'program-incomplete',
        `${path} is a program for ${elf.architecture ?? 'another processor'}, but image.json says ` +
          `${manifest.architecture}; build it for ${manifest.architecture}`,
      )
    }
    if (elf.interpreter !== null) this.#addInterpreter(path, elf.interpreter)
    this.#addNeeded({ path, hostPath, elf, inheritedRpath: [] })
    return [...this.#added.values()]
  }

  files(): LoadedFile[] {
    return [...this.#files].map(([path, hostPath]) => ({ path, hostPath }))
  }

  #addInterpreter(program: string, interpreter: string): void {
    // The loader is a library too: libc names it in DT_NEEDED, and it is there already.
    this.#loaded.add(posix.basename(interpreter))
    const found = this.#options.root.find(interpreter)
    if (found !== null) {
      this.#files.set(interpreter, this.#options.root.hostPath(found.path))
      return
    }
    if (!isReadable(interpreter) || !isFor(interpreter, this.#options.manifest.architecture)) {
      throw missing(`${program} is loaded by ${interpreter}`)
    }
    this.#files.set(this.#take(interpreter, interpreter), interpreter)
  }

  #addNeeded(loader: Loaded): void {
    for (const name of loader.elf.needed) {
      if (this.#loaded.has(name)) continue
      this.#loaded.add(name)
      const rpath = loader.elf.runpath.length > 0 ? [] : expand(loader.elf.rpath, loader.path)
      const inheritedRpath = [...rpath, ...loader.inheritedRpath]
      const found = this.#inImage(name, loader, inheritedRpath) ?? this.#onHost(name, loader)
      this.#addNeeded({ ...found, elf: this.#read(found.hostPath), inheritedRpath })
    }
  }

  #inImage(
    name: string,
    loader: Loaded,
    rpath: readonly string[],
  ): Pick<Loaded, 'path' | 'hostPath'> | null {
    const { root, manifest } = this.#options
    const runpath = expand(loader.elf.runpath, loader.path)
    const directories = name.includes('/')
      ? ['/']
      : [...rpath, ...this.#environment, ...runpath, ...this.#standard]
    for (const directory of directories) {
      const found = root.find(posix.join(directory, name))
      if (!found?.stats.isFile()) continue
      const hostPath = root.hostPath(found.path)
      if (!isFor(hostPath, manifest.architecture)) continue
      this.#files.set(posix.join(directory, name), hostPath)
      return { path: found.path, hostPath }
    }
    return null
  }

  #onHost(name: string, loader: Loaded): Pick<Loaded, 'path' | 'hostPath'> {
    for (const directory of this.#options.hostDirectories) {
      const hostPath = posix.join(directory, name)
      if (!isReadable(hostPath) || !isFor(hostPath, this.#options.manifest.architecture)) continue
      const path = this.#take(posix.join(this.#placeOf(directory), name), hostPath)
      this.#files.set(path, hostPath)
      return { path, hostPath }
    }
    throw missing(`${loader.path} needs the library ${name}`)
  }

  /** A directory that the image's ld.so searches too; ld.so.conf's own exist on this machine only. */
  #placeOf(directory: string): string {
    const hosts = this.#options.hostDirectories
    if (this.#standard.includes(directory)) return directory
    const holdsLibc = (one: string): boolean => isReadable(posix.join(one, 'libc.so.6'))
    return this.#standard.find((one) => hosts.includes(one) && holdsLibc(one)) ?? '/usr/lib'
  }

  #take(path: string, hostPath: string): string {
    const place = this.#options.root.placeFor(path)
    const real = realpathSync(hostPath)
    this.#added.set(place.slice(1), fileEntry(place.slice(1), real, statSync(real), 0o755))
    return place
  }

  #read(hostPath: string): Elf {
    const elf = readElf(hostPath)
    if (elf === null) throw new BuildError('program-incomplete', `${hostPath} is not an ELF file`)
    return elf
  }
}

/** $ORIGIN is the directory of the file that says it (ld.so(8)). */
function expand(directories: readonly string[], path: string): string[] {
  return directories.map((directory) =>
    directory.replace(/\$ORIGIN|\$\{ORIGIN\}/g, posix.dirname(path)),
  )
}

function isReadable(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function missing(what: string): BuildError {
  return new BuildError(
    'program-incomplete',
    `${what}, which neither the directory nor this machine has; install it, or link statically`,
  )
}
