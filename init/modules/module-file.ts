// Kernel modules: from their files, packed or not, into the kernel.
import { closeSync, fstatSync, openSync, readFileSync, writeSync } from 'node:fs'
import { basename } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { Native } from '../../sys/native.ts'
import { loadModule } from '../../sys/reboot.ts'
import { makeMemoryFile, sealMemoryFile } from './memory-file.ts'
import { PAIRS_MAX, type Unxz, type XzPair } from './unxz.ts'

export interface ModuleLoaderOptions {
  native: Native
  unxz: Unxz
  /** For a memory file where the kernel has no memfd. */
  directory: string
}

export interface ModuleToLoad {
  path: string
  parameters: string
}

const MODULE_BYTES_MAX = 32 * 1024 * 1024
/** What a kernel says that decompresses nothing, or not this: before Linux 5.17, by its build, by its format. */
const KERNEL_CAN_NOT = new Set(['EINVAL', 'ENOTSUP'])

const isXz = (path: string): boolean => path.endsWith('.xz')

export class ModuleLoader {
  readonly #options: ModuleLoaderOptions
  #kernelUnpacks = true

  constructor(options: ModuleLoaderOptions) {
    this.#options = options
  }

  /**
   * Loads them in their order and tells of each: null, or Node's fs error, SysError (EEXIST: it is there), or a
   * sentence. Never rejects.
   */
  async load(
    modules: readonly ModuleToLoad[],
    told: (module: ModuleToLoad, error: unknown) => void,
  ): Promise<void> {
    const unpacked = new Map<string, number>()
    for (const [at, module] of modules.entries()) {
      try {
        await this.#loadOne(module, modules.slice(at), unpacked)
        told(module, null)
      } catch (error) {
        told(module, error)
      }
      // A driver looks for its devices while it is loaded: all of them in one turn would count as a hang.
      await setImmediate()
    }
    for (const fd of unpacked.values()) closeSync(fd)
  }

  /** `upcoming`: this one and those after it. What is decompressed ahead of its turn waits in `unpacked`. */
  async #loadOne(
    { path, parameters }: ModuleToLoad,
    upcoming: readonly ModuleToLoad[],
    unpacked: Map<string, number>,
  ): Promise<void> {
    if (isXz(path) && !unpacked.has(path)) {
      if (this.#kernelUnpacks && this.#loadPacked(path, parameters)) return
      this.#kernelUnpacks = false
      const packed = upcoming.map((one) => one.path).filter(isXz)
      await this.#unpack(packed.slice(0, PAIRS_MAX), unpacked)
    }
    const ahead = unpacked.get(path)
    unpacked.delete(path)
    const fd = ahead ?? this.#open(path)
    try {
      if (ahead !== undefined && fstatSync(fd).size === 0)
        throw new Error(`${basename(path)} can't be decompressed`)
      loadModule(this.#options.native, fd, basename(path), parameters)
    } finally {
      closeSync(fd)
    }
  }

  /** False when the kernel does not decompress it. */
  #loadPacked(path: string, parameters: string): boolean {
    const fd = openSync(path, 'r')
    try {
      loadModule(this.#options.native, fd, basename(path), parameters, true)
      return true
    } catch (error) {
      if (KERNEL_CAN_NOT.has((error as NodeJS.ErrnoException).code ?? '')) return false
      throw error
    } finally {
      closeSync(fd)
    }
  }

  async #unpack(paths: readonly string[], unpacked: Map<string, number>): Promise<void> {
    const { native, unxz, directory } = this.#options
    const pairs: (XzPair & { path: string })[] = []
    try {
      for (const path of paths) {
        const packed = openSync(path, 'r')
        pairs.push({ path, packed, plain: -1 })
        pairs[pairs.length - 1] = { path, packed, plain: makeMemoryFile(native, directory) }
      }
      await unxz(pairs)
      for (const pair of pairs) {
        const { path, plain } = pair
        pair.plain = -1
        unpacked.set(path, sealMemoryFile(plain))
      }
    } finally {
      for (const fd of pairs.flatMap(({ packed, plain }) => [packed, plain]))
        if (fd >= 0) closeSync(fd)
    }
  }

  /** A descriptor of the uncompressed module. */
  #open(path: string): number {
    if (path.endsWith('.ko')) return openSync(path, 'r')
    const packed = readFileSync(path)
    const limit = { maxOutputLength: MODULE_BYTES_MAX }
    if (path.endsWith('.gz')) return this.#written(gunzipSync(packed, limit))
    if (path.endsWith('.zst')) return this.#written(zstdDecompressSync(packed, limit))
    throw new Error(
      `${basename(path)}: compressed kernel modules must be .ko.gz, .ko.xz or .ko.zst`,
    )
  }

  #written(bytes: Buffer): number {
    const fd = makeMemoryFile(this.#options.native, this.#options.directory)
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
    return sealMemoryFile(fd)
  }
}
