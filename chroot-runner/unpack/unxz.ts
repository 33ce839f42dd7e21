// `unpack ROOT unxz`: an xz file on descriptor 0, what was in it on descriptor 1. For kernel modules, whose
// names say xz where the kernel does not decompress them itself.
import { writeSync } from 'node:fs'
import process from 'node:process'
import { xzDecode } from './xz-coder.ts'

const OUTPUT_FD = 1
/** Of the decoder; kernel modules are packed with dictionaries of a few MiB at most. */
const MEMORY_BYTES_MAX = 80_000_000
const PLAIN_BYTES_MAX = 32 * 1024 * 1024

/** The exit status; what is wrong stands on descriptor 2. */
export async function unxz(): Promise<0 | 1> {
  try {
    let size = 0
    for await (const bytes of xzDecode(process.stdin, MEMORY_BYTES_MAX)) {
      size += bytes.length
      if (size > PLAIN_BYTES_MAX) throw new Error(`more than ${PLAIN_BYTES_MAX} bytes are in it`)
      for (let at = 0; at < bytes.length;) at += writeSync(OUTPUT_FD, bytes, at)
    }
    return 0
  } catch (error) {
    process.stderr.write(`solocloud: xz: ${(error as Error).message}\n`)
    return 1
  }
}
