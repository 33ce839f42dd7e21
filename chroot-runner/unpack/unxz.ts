// `unpack ROOT unxz COUNT`: xz files on descriptors 3, 5, 7 ..., and the descriptors after them get what is in
// them. For kernel modules, whose names say xz where the kernel does not decompress them itself.
import { createReadStream, ftruncateSync, writeSync } from 'node:fs'
import process from 'node:process'
import { xzDecode } from './xz-coder.ts'

/** After the standard streams. */
export const FIRST_FD = 3
/** Of the decoder; kernel modules are packed with dictionaries of a few MiB at most. */
const MEMORY_BYTES_MAX = 80_000_000
const PLAIN_BYTES_MAX = 32 * 1024 * 1024

/** The exit status. What is wrong stands on descriptor 2, and the file that it is about stays empty. */
export async function unxz(count: number): Promise<0 | 1> {
  let failed = false
  for (let index = 0; index < count; index++) {
    const output = FIRST_FD + 2 * index + 1
    try {
      await unxzOne(output - 1, output)
    } catch (error) {
      failed = true
      ftruncateSync(output)
      process.stderr.write(`solocloud: xz: ${(error as Error).message}\n`)
    }
  }
  return failed ? 1 : 0
}

async function unxzOne(input: number, output: number): Promise<void> {
  let size = 0
  for await (const bytes of xzDecode(createReadStream('', { fd: input }), MEMORY_BYTES_MAX)) {
    size += bytes.length
    if (size > PLAIN_BYTES_MAX) throw new Error(`more than ${PLAIN_BYTES_MAX} bytes are in it`)
    for (let at = 0; at < bytes.length;) at += writeSync(output, bytes, at)
  }
}
