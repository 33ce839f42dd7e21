// What a disk holds after a power cut: replays a log of writes onto the disk as it was before, flush by flush.
import { open, type FileHandle } from 'node:fs/promises'
import { command } from './command.ts'
import { readWriteLog, type LoggedRequest } from './write-log.ts'

/** The unit that a disk writes wholly or not at all; bytes. */
export const SECTOR_BYTES = 512
const CHUNK_BYTES = 1024 ** 2

/** Whether the disk has kept one sector (counted from the write's first) of a write that was never flushed. */
export type Survives = (write: LoggedRequest, sector: number) => boolean

/** The worst cache: it keeps everything to itself until it is told to flush. */
export const noneSurvives: Survives = () => false

/** Any cache: each write is kept, lost or, sector by sector, torn. A write is asked about in one go. */
export function someSurvive(random: () => number): Survives {
  let current: LoggedRequest | null = null
  let fate = 0
  return (write, sector) => {
    if (write !== current || sector === 0) fate = random()
    current = write
    if (fate < 0.4) return true
    return fate >= 0.8 && random() < 0.5
  }
}

/**
 * Goes through a log once, from beginning to end. The disk image it is given always holds what was durable
 * at the last flush; what came after that is kept as a list, with its data left in the log.
 */
export class Replay {
  readonly #requests: AsyncGenerator<LoggedRequest>
  readonly #log: FileHandle
  readonly #disk: FileHandle
  readonly #diskPath: string
  readonly #buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  #next: LoggedRequest | null = null
  #unflushed: LoggedRequest[] = []

  private constructor(logPath: string, log: FileHandle, diskPath: string, disk: FileHandle) {
    this.#requests = readWriteLog(logPath)
    this.#log = log
    this.#disk = disk
    this.#diskPath = diskPath
  }

  /** `diskPath`: a copy of the disk as it was when the log began; it is written to. */
  static async open(logPath: string, diskPath: string): Promise<Replay> {
    const log = await open(logPath, 'r')
    try {
      return new Replay(logPath, log, diskPath, await open(diskPath, 'r+'))
    } catch (error) {
      await log.close()
      throw error
    }
  }

  /** Up to the last request that ends at or before `cutAt`, bytes of the log; never back. */
  async advance(cutAt: number): Promise<void> {
    for (;;) {
      this.#next ??= (await this.#requests.next()).value ?? null
      if (this.#next === null || this.#next.end > cutAt) return
      if (this.#next.flush) await this.#settle()
      if (this.#next.length > 0) this.#unflushed.push(this.#next)
      this.#next = null
    }
  }

  /** Writes made since the last flush. */
  get unflushed(): number {
    return this.#unflushed.length
  }

  /** Makes a new image at `path`: the disk after a power cut here. */
  async cut(path: string, survives: Survives): Promise<void> {
    await copySparse(this.#diskPath, path)
    await using disk = await open(path, 'r+')
    for (const write of this.#unflushed) {
      for (const [from, to] of survivors(write, survives)) await this.#apply(disk, write, from, to)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#requests.return(undefined)
    await this.#log.close()
    await this.#disk.close()
  }

  async #settle(): Promise<void> {
    for (const write of this.#unflushed) await this.#apply(this.#disk, write, 0, write.length)
    this.#unflushed = []
  }

  /** The bytes `from` to `to` of a write. */
  async #apply(disk: FileHandle, write: LoggedRequest, from: number, to: number): Promise<void> {
    for (let done = from; done < to;) {
      const chunk = this.#buffer.subarray(0, Math.min(CHUNK_BYTES, to - done))
      if (write.discard) chunk.fill(0)
      else await readWholly(this.#log, chunk, write.dataAt + done)
      await writeWholly(disk, chunk, write.offset + done)
      done += chunk.length
    }
  }
}

/** Ranges of bytes within the write. A write with force unit access that is in the log was completed. */
function* survivors(write: LoggedRequest, survives: Survives): Generator<[number, number]> {
  if (write.fua) {
    yield [0, write.length]
    return
  }
  let from: number | null = null
  for (let sector = 0; sector * SECTOR_BYTES < write.length; sector++) {
    const kept = survives(write, sector)
    if (kept) from ??= sector * SECTOR_BYTES
    else if (from !== null) {
      yield [from, sector * SECTOR_BYTES]
      from = null
    }
  }
  if (from !== null) yield [from, write.length]
}

/** Copies a disk image without filling its holes. */
export async function copySparse(from: string, to: string): Promise<void> {
  await command('cp', ['--sparse=always', '--reflink=auto', from, to])
}

async function readWholly(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  const { bytesRead } = await file.read(bytes, 0, bytes.length, position)
  if (bytesRead !== bytes.length) throw new Error(`the log ends within a write, at ${position}`)
}

async function writeWholly(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  const { bytesWritten } = await file.write(bytes, 0, bytes.length, position)
  if (bytesWritten !== bytes.length) throw new Error(`a short write to the disk at ${position}`)
}
