import { Readable } from 'node:stream'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { ChunkSource } from './chunk-source.ts'
import { decompress, detectCompression } from './decompress.ts'
import { chunksOf, imageOf } from './fixture.ts'
import { UnpackError } from './unpack-error.ts'
import { xzEncode } from './xz-coder.ts'

const MEMORY_MAX = 80_000_000
const image = imageOf({
  name: 'data',
  data: Array.from({ length: 60_000 }, (_, index) =>
    String.fromCharCode((index * index) % 251),
  ).join(''),
})

async function xzSync(bytes: Buffer, preset = 6): Promise<Buffer> {
  return Buffer.concat(await collect(xzEncode(Readable.from([bytes]), preset)))
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return all
}

const zstd = (bytes: Buffer): Buffer =>
  zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })

async function unpacked(
  packed: Buffer,
  chunkBytes = 1000,
  memoryMax = MEMORY_MAX,
): Promise<Buffer> {
  const source = new ChunkSource(chunksOf(packed, chunkBytes) as AsyncIterable<Buffer>)
  const compression = await detectCompression(source)
  return Buffer.concat(await collect(decompress(source, compression, memoryMax)))
}

async function problem(packed: Buffer, chunkBytes = 1000, memoryMax = MEMORY_MAX): Promise<string> {
  try {
    await unpacked(packed, chunkBytes, memoryMax)
  } catch (error) {
    if (error instanceof UnpackError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'no error'
}

const codecs: [string, (bytes: Buffer) => Buffer | Promise<Buffer>][] = [
  ['gzip', gzipSync],
  ['xz', xzSync],
  ['zstd', zstd],
]

test.each(codecs)('%s: whole, in chunks of any size', async (_name, pack) => {
  const packed = await pack(image)
  for (const chunkBytes of [1, 7, 1000, packed.length]) {
    expect((await unpacked(packed, chunkBytes)).equals(image)).toBe(true)
  }
})

test.each(codecs)(
  '%s: members after one another, also at a chunk boundary',
  async (_name, pack) => {
    const halves = [await pack(image.subarray(0, 9000)), await pack(image.subarray(9000))]
    const packed = Buffer.concat(halves)
    for (const chunkBytes of [7, 1000, halves[0]?.length, packed.length]) {
      expect((await unpacked(packed, chunkBytes)).equals(image)).toBe(true)
    }
  },
)

test.each(codecs)('%s: truncated anywhere is an error', async (_name, pack) => {
  const packed = await pack(image)
  const lengths = Array.from(
    { length: 25 },
    (_, index) => 10 + Math.floor((index * (packed.length - 10)) / 25),
  )
  for (const length of [...lengths, packed.length - 1]) {
    expect(await problem(packed.subarray(0, length))).toMatch(
      /^image-corrupt: the image is truncated/,
    )
  }
})

test.each(codecs)('%s: a truncated second member is an error', async (_name, pack) => {
  const packed = await pack(image)
  for (const length of [4, 6, 20, packed.length - 1]) {
    const two = Buffer.concat([packed, packed.subarray(0, length)])
    for (const chunkBytes of [7, 1000, packed.length, two.length]) {
      expect(await problem(two, chunkBytes)).toMatch(/^image-corrupt: /)
    }
  }
})

test.each(codecs)('%s: a changed byte is an error', async (_name, pack) => {
  const packed = await pack(image)
  for (let at = 100; at < packed.length; at += Math.ceil(packed.length / 20)) {
    const changed = Buffer.from(packed)
    changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at)
    expect(await problem(changed)).toMatch(/^image-corrupt: /)
  }
})

test.each(codecs)('%s: bytes behind it are an error', async (_name, pack) => {
  const packed = await pack(image)
  for (const rest of ['x', 'garbage!', '\0\0\0\0garbage!']) {
    const longer = Buffer.concat([packed, Buffer.from(rest)])
    for (const chunkBytes of [7, packed.length, longer.length]) {
      expect(await problem(longer, chunkBytes)).toMatch(/^image-corrupt: /)
    }
  }
})

test('gzip and xz may be padded with zeros', async () => {
  const padding = Buffer.alloc(4096)
  const gzip = Buffer.concat([gzipSync(image), padding])
  expect((await unpacked(gzip)).equals(image)).toBe(true)
  const xz = Buffer.concat([await xzSync(image), padding])
  expect((await unpacked(xz)).equals(image)).toBe(true)
  expect(await problem(Buffer.concat([xz, Buffer.alloc(3)]))).toMatch(/^image-corrupt: /)
})

test('zstd may have skippable frames, as pzstd writes them', async () => {
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4])
  const packed = Buffer.concat([skippable, zstd(image), skippable])
  for (const chunkBytes of [5, 12, packed.length]) {
    expect((await unpacked(packed, chunkBytes)).equals(image)).toBe(true)
  }
})

test('xz that wants more memory than allowed says how much, and what to do', async () => {
  // The dictionary of preset 9 has 64 MiB, whatever the size of the data.
  const packed = await xzSync(image, 9)
  expect(await problem(packed, 1000, 10_000_000)).toMatch(
    /^image-too-big: this image needs 6\d\.\d MB to decompress; the node allows 10\.0 MB; pack it with xz -6/,
  )
  expect(await problem(packed)).toBe('no error')
})

test('zstd with too large a window is refused', async () => {
  // More than the window of level 19, so that the frame has to declare the 128 MiB.
  const zeros = Buffer.alloc(100_000_000)
  const packed = zstdCompressSync(zeros, { params: { [constants.ZSTD_c_windowLog]: 27 } })
  expect(await problem(packed)).toMatch(/^image-too-big: this image needs more memory/)
})

test('an input that breaks off with an error ends in that error', async () => {
  const packed = gzipSync(image)
  // eslint-disable-next-line @typescript-eslint/require-await -- a source is read asynchronously
  async function* broken(): AsyncGenerator<Buffer> {
    yield packed.subarray(0, 600)
    throw new Error('connection reset')
  }
  const source = new ChunkSource(broken())
  const compression = await detectCompression(source)
  await expect(collect(decompress(source, compression, MEMORY_MAX))).rejects.toThrow(
    'connection reset',
  )
})
