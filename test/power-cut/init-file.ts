// A second file that is a solocloud too, so that an upgrade shows on the disk.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { PART_ALIGNMENT, TABLE_SIZE } from '../../bundle/table.ts'

/** The same parts and the same table, with zeros between them that nothing refers to. */
export async function writeNewInit(from: string, to: string): Promise<void> {
  const bytes = await readFile(from)
  const tableAt = bytes.length - TABLE_SIZE
  const gap = Buffer.alloc(PART_ALIGNMENT)
  const parts = [bytes.subarray(0, tableAt), gap, bytes.subarray(tableAt)]
  await writeFile(to, Buffer.concat(parts), { mode: 0o755 })
}

/** Of a file's bytes, in hex. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
