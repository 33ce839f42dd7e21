// One kernel module: from its file, packed or not, into the kernel.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { basename } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { Native } from '../../sys/native.ts'
import { loadModule } from '../../sys/reboot.ts'
import { makeMemoryFile, sealMemoryFile } from './memory-file.ts'
import type { Unxz } from './unxz.ts'

export interface ModuleLoader {
  native: Native
  unxz: Unxz
  /** For a memory file where the kernel has no memfd. */
  directory: string
}

const MODULE_BYTES_MAX = 32 * 1024 * 1024
/** What a kernel says that decompresses nothing, or not this: before Linux 5.17, by its build, by its format. */
const KERNEL_CAN_NOT = new Set(['EINVAL', 'ENOTSUP'])

/** Throws Node's fs errors, SysError (EEXIST: it is there), or a sentence. */
export async function loadModuleFile(
  loader: ModuleLoader,
  path: string,
  parameters: string,
): Promise<void> {
  const { native } = loader
  const name = basename(path)
  if (path.endsWith('.xz') && loadPacked(native, path, parameters)) return
  const fd = await openModule(loader, path)
  try {
    loadModule(native, fd, name, parameters)
  } finally {
    closeSync(fd)
  }
}

/** False when the kernel does not decompress it. */
function loadPacked(native: Native, path: string, parameters: string): boolean {
  const fd = openSync(path, 'r')
  try {
    loadModule(native, fd, basename(path), parameters, true)
    return true
  } catch (error) {
    if (KERNEL_CAN_NOT.has((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  } finally {
    closeSync(fd)
  }
}

/** A descriptor of the uncompressed module. */
async function openModule(loader: ModuleLoader, path: string): Promise<number> {
  if (path.endsWith('.ko')) return openSync(path, 'r')
  if (path.endsWith('.xz')) return decompressed(loader, path)
  const packed = readFileSync(path)
  const limit = { maxOutputLength: MODULE_BYTES_MAX }
  if (path.endsWith('.gz')) return written(loader, gunzipSync(packed, limit))
  if (path.endsWith('.zst')) return written(loader, zstdDecompressSync(packed, limit))
  throw new Error(`${basename(path)}: compressed kernel modules must be .ko.gz, .ko.xz or .ko.zst`)
}

async function decompressed(
  { native, unxz, directory }: ModuleLoader,
  path: string,
): Promise<number> {
  const packed = openSync(path, 'r')
  const memory = makeMemoryFile(native, directory)
  try {
    await unxz(packed, memory)
  } catch (error) {
    closeSync(memory)
    throw error
  } finally {
    closeSync(packed)
  }
  return sealMemoryFile(memory)
}

function written({ native, directory }: ModuleLoader, bytes: Buffer): number {
  const fd = makeMemoryFile(native, directory)
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
  return sealMemoryFile(fd)
}
