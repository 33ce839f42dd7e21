// Reads what QEMU's blklogwrites records: every write and every flush of a disk, in the order of completion.
// The format is dm-log-writes' (drivers/md/dm-log-writes.c, block/blklogwrites.c), all little-endian: a
// superblock {magic u64, version u64, entries u64, sector size u32}, then entries {sector u64, sectors u64,
// flags u64, data length u64}, each in a sector of its own and followed by its data.
import { open, type FileHandle } from 'node:fs/promises'

/** One request of the guest. A flush may carry data; it then comes before its own write. */
export interface LoggedRequest {
  /** Where it stands in the log, and where the next one does; bytes. */
  at: number
  end: number
  /** Everything that was completed before it is on disk. */
  flush: boolean
  /** The write itself is on disk when it completes (force unit access). */
  fua: boolean
  /** Nothing was written: what is there reads as zeros from now on. */
  discard: boolean
  /** On the disk; bytes. */
  offset: number
  length: number
  /** Where its data begins in the log; bytes. */
  dataAt: number
}

const MAGIC = 0x6a736677736872n
const VERSION = 1n
const Flag = { flush: 1n, fua: 2n, discard: 4n } as const
const KNOWN_FLAGS = Flag.flush | Flag.fua | Flag.discard
const ENTRY_BYTES = 32
const SUPER_BYTES = 28
/** What QEMU accepts (blk_log_writes_sector_size_valid). */
const SECTOR_BYTES_MAX = 2 ** 24

interface Superblock {
  entries: number
  sectorBytes: number
}

/**
 * The requests in the log at `path`, one after the other; only headers are read. The superblock's count may
 * lag behind by what came since the last flush, so the end is where the file ends, or where QEMU was killed
 * within a write. Throws when fewer are there than the superblock counts.
 */
export async function* readWriteLog(path: string): AsyncGenerator<LoggedRequest> {
  await using file = await open(path, 'r')
  const { size } = await file.stat()
  const { entries, sectorBytes } = await readSuperblock(file, path)
  let count = 0
  for (let at = sectorBytes; at + sectorBytes <= size; count++) {
    const request = parseEntry(await readBytes(file, at, ENTRY_BYTES), at, sectorBytes)
    if (request === null || request.end > size) break
    yield request
    at = request.end
  }
  if (count < entries) throw new Error(`${path}: ${count} requests where ${entries} were logged`)
}

/** Every request that is complete has its last byte below this; bytes. */
export async function writeLogEnd(path: string): Promise<number> {
  await using file = await open(path, 'r')
  return (await file.stat()).size
}

async function readSuperblock(file: FileHandle, path: string): Promise<Superblock> {
  const bytes = await readBytes(file, 0, SUPER_BYTES)
  if (bytes.length < SUPER_BYTES || bytes.readBigUInt64LE(0) !== MAGIC)
    throw new Error(`${path} is not a log of writes`)
  if (bytes.readBigUInt64LE(8) !== VERSION) throw new Error(`${path}: unknown version`)
  const sectorBytes = bytes.readUInt32LE(24)
  if (sectorBytes < 512 || sectorBytes > SECTOR_BYTES_MAX || sectorBytes % 512 !== 0)
    throw new Error(`${path}: sectors of ${sectorBytes} bytes`)
  return { entries: Number(bytes.readBigUInt64LE(16)), sectorBytes }
}

/** null: a hole, which a killed QEMU leaves before writes that were faster. */
function parseEntry(bytes: Buffer, at: number, sectorBytes: number): LoggedRequest | null {
  const flags = bytes.readBigUInt64LE(16)
  const length = Number(bytes.readBigUInt64LE(8)) * sectorBytes
  if (flags === 0n && length === 0) return null
  if ((flags & ~KNOWN_FLAGS) !== 0n)
    throw new Error(`byte ${at} of the log: unknown flags ${flags}`)
  const discard = (flags & Flag.discard) !== 0n
  const dataAt = at + sectorBytes
  return {
    ...{ at, dataAt, end: dataAt + (discard ? 0 : length) },
    ...{ flush: (flags & Flag.flush) !== 0n, fua: (flags & Flag.fua) !== 0n, discard },
    ...{ offset: Number(bytes.readBigUInt64LE(0)) * sectorBytes, length },
  }
}

async function readBytes(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await file.read(bytes, 0, length, position)
  return bytes.subarray(0, bytesRead)
}
