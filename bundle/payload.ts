// Reads the parts of the very file that we are: `cloud image build` puts them into an app's image.
// Parts by name: `node` (a plain Node, without our program), `ld.so`, the libraries by their sonames
// (`libc.so.6`, `libm.so.6`, `libgcc_s.so.1`, `libstdc++.so.6`, `libdl.so.2`, `libpthread.so.0`), and
// `compat.so`, which lets that Node run on Linux 3.10 when /etc/ld.so.preload names it.
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import { pipeline, Readable, Transform } from 'node:stream'
import { isSea } from 'node:sea'
import { fileURLToPath } from 'node:url'
import { decodeTable, TABLE_SIZE, type TableEntry } from './table.ts'

const FUSE_UNSET = 0x30 // the character 0

export interface Part {
  name: string
  /** Bytes. */
  size: number
  /** The whole part. Errors of the file system arrive as the stream's. */
  stream(): Readable
  /** Fills `target` from `position` on as far as the part goes; returns the bytes read. Throws Node's fs errors. */
  readAt(target: Uint8Array, position: number): number
}

/** The file whose parts are read: ourselves, or the last build when plain Node runs the sources. */
export function selfPath(): string {
  return isSea() ? '/proc/self/exe' : fileURLToPath(new URL('../build/solocloud', import.meta.url))
}

function readTable(path: string): TableEntry[] {
  const fd = openSync(path, 'r')
  try {
    const table = Buffer.alloc(TABLE_SIZE)
    readSync(fd, table, 0, TABLE_SIZE, Math.max(0, fstatSync(fd).size - TABLE_SIZE))
    const entries = decodeTable(table)
    if (!entries) throw new Error(`${path} is not a solocloud file, or it is cut short`)
    return entries
  } finally {
    closeSync(fd)
  }
}

/** Puts the fuse byte into `bytes`, which begin at `position` of the part. */
function plain(entry: TableEntry, bytes: Uint8Array, position: number): void {
  const index = entry.fuse - position
  if (entry.fuse > 0 && index >= 0 && index < bytes.length) bytes[index] = FUSE_UNSET
}

function streamPart(path: string, entry: TableEntry): Readable {
  if (entry.size === 0) return Readable.from([])
  const bytes = createReadStream(path, {
    start: entry.offset,
    end: entry.offset + entry.size - 1,
    highWaterMark: 256 * 1024,
  })
  let position = 0
  const unfused = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      plain(entry, chunk, position)
      position += chunk.length
      done(null, chunk)
    },
  })
  // The reader of `unfused` sees its error; nothing else is left to do here.
  return pipeline(bytes, unfused, () => undefined)
}

function readPartAt(path: string, entry: TableEntry, target: Uint8Array, position: number): number {
  const wanted = Math.min(target.length, Math.max(0, entry.size - position))
  const fd = openSync(path, 'r')
  try {
    let done = 0
    while (done < wanted) {
      const got = readSync(fd, target, done, wanted - done, entry.offset + position + done)
      if (got === 0) break
      done += got
    }
    plain(entry, target.subarray(0, done), position)
    return done
  } finally {
    closeSync(fd)
  }
}

/** The names of all parts, in the file's order. Throws when `path` is not our file. */
export function partNames(path: string = selfPath()): string[] {
  return readTable(path).map((entry) => entry.name)
}

/** A part by its name. Throws when there is none, or `path` is not our file. */
export function readPart(name: string, path: string = selfPath()): Part {
  const entry = readTable(path).find((candidate) => candidate.name === name)
  if (!entry) throw new Error(`${path} holds no part named ${name}`)
  return {
    name,
    size: entry.size,
    stream: () => streamPart(path, entry),
    readAt: (target, position) => readPartAt(path, entry, target, position),
  }
}
