// Writes entries as a packed tar: the same entries give the same bytes, on any machine and at any time.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip, createZstdCompress } from 'node:zlib'
import { pack as tarPack, type Pack } from 'tar-stream'
import { xzEncode } from '../chroot-runner/unpack/xz-coder.ts'
import { BuildError } from './build-error.ts'
import type { Entry } from './entry.ts'

type Codec = (tar: AsyncIterable<Buffer>) => AsyncIterable<Buffer>

export interface Packed {
  /** sha256 of the uncompressed tar, `sha256:hex`. */
  digest: string
  packedSha256: string
  bytes: number
  packedBytes: number
}

const XZ_PRESET = 6
const GZIP_LEVEL = 9
/** Its window of 8 MiB is no burden to a node. */
const ZSTD_LEVEL = 9

/** How a file of this name is packed. Throws BuildError for an ending that says nothing. */
export function codecFor(outFile: string): Codec {
  if (/\.(?:txz|tar\.xz)$/.test(outFile)) return (tar) => xzEncode(tar, XZ_PRESET)
  if (/\.(?:tgz|tar\.gz)$/.test(outFile)) return gzip
  if (/\.(?:tzst|tar\.zst)$/.test(outFile)) return zstd
  if (outFile.endsWith('.tar')) return (tar) => tar
  throw new BuildError(
    'output-refused',
    `${outFile} has no known ending; end it in .txz, .tgz, .tzst or .tar`,
  )
}

/** `onBytes` is told how much of the entries' contents has been read. */
export async function pack(
  entries: readonly Entry[],
  mtime: Date,
  outFile: string,
  onBytes: (bytes: number) => void,
): Promise<Packed> {
  const codec = codecFor(outFile)
  const tar = tarPack()
  const unpacked = new Meter()
  const packed = new Meter()
  const filling = fill(tar, entries, mtime, onBytes)
  const flow = packed.measure(codec(unpacked.measure(tar as AsyncIterable<Buffer>)))
  await Promise.all([filling, pipeline(flow, createWriteStream(outFile, { flags: 'wx' }))])
  return {
    digest: `sha256:${unpacked.digest()}`,
    packedSha256: packed.digest(),
    bytes: unpacked.bytes,
    packedBytes: packed.bytes,
  }
}

/** sha256 of the uncompressed tar of these entries, `sha256:hex`: the digest of the image that they make. */
export async function digestOf(entries: readonly Entry[], mtime: Date): Promise<string> {
  const tar = tarPack()
  const unpacked = new Meter()
  const filling = fill(tar, entries, mtime, () => undefined)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const flow = pipeline(unpacked.measure(tar as AsyncIterable<Buffer>), nowhere)
  await Promise.all([filling, flow])
  return `sha256:${unpacked.digest()}`
}

async function fill(
  tar: Pack,
  entries: readonly Entry[],
  mtime: Date,
  onBytes: (bytes: number) => void,
): Promise<void> {
  try {
    let done = 0
    for (const entry of entries) {
      await addEntry(tar, entry, mtime, (bytes) => onBytes((done += bytes)))
    }
    tar.finalize()
  } catch (error) {
    tar.destroy(error as Error)
    throw error
  }
}

async function addEntry(
  tar: Pack,
  entry: Entry,
  mtime: Date,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const { type, mode, size, owner = { uid: 0, gid: 0 } } = entry
  const name = type === 'directory' ? `${entry.path === '' ? '.' : entry.path}/` : entry.path
  const link = entry.link === '' ? {} : { linkname: entry.link }
  const finished = Promise.withResolvers<undefined>()
  const sink = tar.entry({ name, type, mode, size, mtime, ...owner, ...link }, (error) => {
    if (error) finished.reject(error)
    else finished.resolve(undefined)
  })
  // A failure of the tar is the sink's too, and may come before anybody waits for the end.
  sink.on('error', finished.reject)
  finished.promise.catch(() => undefined)
  if (type === 'file') {
    for await (const chunk of entry.content()) {
      if (!sink.write(chunk)) await once(sink, 'drain')
      onBytes(chunk.length)
    }
    sink.end(null)
  }
  await finished.promise
}

async function* gzip(tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* through(tar, createGzip({ level: GZIP_LEVEL }))
}

async function* zstd(tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const params = {
    [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL,
    [constants.ZSTD_c_checksumFlag]: 1,
  }
  yield* through(tar, createZstdCompress({ params }))
}

async function* through(
  tar: AsyncIterable<Buffer>,
  coder: ReturnType<typeof createGzip> | ReturnType<typeof createZstdCompress>,
): AsyncGenerator<Buffer> {
  const feeding = pipeline(tar, coder)
  // Its failure destroys the coder, and so reaches the reader below.
  feeding.catch(() => undefined)
  for await (const chunk of coder) yield chunk as Buffer
  await feeding
}

class Meter {
  bytes = 0
  readonly #hash = createHash('sha256')

  async *measure(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.bytes += chunk.length
      this.#hash.update(chunk)
      yield chunk
    }
  }

  digest(): string {
    return this.#hash.digest('hex')
  }
}
