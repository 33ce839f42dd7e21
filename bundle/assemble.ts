// Puts the parts behind the loader, the table behind the parts, and gives the file its names.
import { createReadStream, createWriteStream } from 'node:fs'
import { chmod, link, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { encodeTable, PART_ALIGNMENT, type PartKind, type TableEntry } from './table.ts'
import { BUILD, WORK } from './step.ts'

export const FILE = join(BUILD, 'solocloud')
/** Other names of the file: they choose the role. */
const LINKS = ['init', 'cloud']
/** In two halves, so that the bundle does not hold it a second time. */
const FUSE = Buffer.from(['NODE_SEA_FUSE', 'fce680ab2cc467b6e072b8b5df1996b2:'].join('_'))

export interface PartFile {
  name: string
  kind: PartKind
  path: string
}

/** Where the character after the fuse's name is. Throws unless there is one fuse and it is set. */
async function findFuse(path: string): Promise<number> {
  const found = new Set<number>()
  let tail = Buffer.alloc(0)
  let position = 0 // of the first byte of `tail`
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    const bytes = Buffer.concat([tail, chunk as Buffer])
    // A match without its character lies on the border and comes again with the next chunk.
    const last = bytes.length - FUSE.length - 1
    for (let at = bytes.indexOf(FUSE); at >= 0 && at <= last; at = bytes.indexOf(FUSE, at + 1)) {
      if (bytes[at + FUSE.length] !== 0x31) throw new Error('pkg left a plain Node')
      found.add(position + at + FUSE.length)
    }
    tail = bytes.subarray(Math.max(0, bytes.length - FUSE.length))
    position += bytes.length - tail.length
  }
  const [fuse] = found
  if (fuse === undefined || found.size > 1) throw new Error('Node has not exactly one fuse')
  return fuse
}

const aligned = (size: number): number => Math.ceil(size / PART_ALIGNMENT) * PART_ALIGNMENT

async function layOut(loader: string, parts: readonly PartFile[]): Promise<TableEntry[]> {
  let end = (await stat(loader)).size
  const entries: TableEntry[] = []
  for (const { name, kind, path } of parts) {
    const { size } = await stat(path)
    const fuse = kind === 'program' ? await findFuse(path) : 0
    const offset = aligned(end)
    entries.push({ name, kind, offset, size, fuse })
    end = offset + size
  }
  return entries
}

/** Writes build/solocloud and its hard links; each name changes at once or not at all. */
export async function assemble(loader: string, parts: readonly PartFile[]): Promise<void> {
  const temporary = join(WORK, 'solocloud')
  const entries = await layOut(loader, parts)
  const place = (path: string, start: number, flags: string): Promise<void> =>
    pipeline(createReadStream(path), createWriteStream(temporary, { start, flags }))
  await place(loader, 0, 'w')
  for (const [index, { path }] of parts.entries()) {
    await place(path, entries[index]?.offset ?? 0, 'r+')
  }
  const file = await open(temporary, 'a')
  try {
    await file.write(encodeTable(entries))
  } finally {
    await file.close()
  }
  await chmod(temporary, 0o755)
  for (const name of LINKS) {
    const other = join(WORK, name)
    await rm(other, { force: true })
    await link(temporary, other)
    await rename(other, join(BUILD, name))
  }
  await rename(temporary, FILE)
}
