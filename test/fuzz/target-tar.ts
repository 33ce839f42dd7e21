// Fuzz target: from a packed image to a directory. Every input ends as a tree below its root or in an
// UnpackError; nothing beside the root changes, and the size of the chunks does not matter.
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { checkSentence } from './target-manifest.ts'
import { must, shapeOf, type OpenTarget, type Target } from './target.ts'

/** An input's first byte says what the rest is; its second the size of the chunks. */
export const PACKINGS = ['tar', 'bytes', 'gzip', 'zstd', 'damaged tar'] as const
export type Packing = (typeof PACKINGS)[number]

const KIB = 1024
/** Small enough that small inputs meet them. */
const LIMITS = {
  ...{ packedBytesMax: 64 * KIB, unpackedBytesMax: 4096 * KIB, entriesMax: 40 },
  ...{ headerBytesMax: 8 * KIB, directoryBytesMax: 2 * KIB, ratioMax: 100 },
  ...{ ratioFreeBytes: 512 * KIB, reserveBytes: 0, reserveInodes: 0 },
}
const BLOCK = 512
const CHECKSUM_AT = 148
const UNPACKED = 'unpacked'
const CANARY = 'as it was'
/** One input of this many is unpacked a second time, in other chunks. */
const AGAIN_ONE_IN = 8

const DICTIONARY = [
  ...[
    '12 comment=\n',
    '19 path=../escaped\n',
    '12 size=999\n',
    '8 uid=1\n',
    '19 mtime=-1.000001\n',
  ],
  ...['28 SCHILY.xattr.user.a\0b=xx\n', '25 SCHILY.xattr.user.x=1\n', '22 SCHILY.acl.access=\n'],
  ...['22 GNU.sparse.major=1\n', '16 linkpath=a/b\n', 'ustar\x0000', 'ustar  \0', 'image.json\0'],
  ...['../', './', '/', '0', '1', '2', '3', '5', '6', '7', 'x', 'g', 'K', 'L', 'S', '77777777777'],
  ...['\x80\0\0\0\0\0\0\0\0\0\x02\0', '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff'],
  ...['\x1f\x8b\x08', '\xfd7zXZ\0', '\x28\xb5\x2f\xfd', '\x50\x2a\x4d\x18'],
]

export const TAR_TARGET: Target = {
  sources: [
    'chroot-runner/unpack/',
    'node_modules/tar-stream/extract.js',
    'node_modules/tar-stream/headers.js',
  ],
  seeds: async () => (await import('./tar-seeds.ts')).tarSeeds(),
  dictionary: DICTIONARY,
  bytesMax: 16 * KIB,
  batch: 8,
  open: () => TarTarget.open(),
}

type Fixture = typeof import('../../chroot-runner/unpack/fixture.ts')
type Errors = typeof import('../../chroot-runner/unpack/unpack-error.ts')

class TarTarget implements OpenTarget {
  readonly #fixture: Fixture
  readonly #errors: Errors
  readonly #home = mkdtempSync(join(tmpdir(), 'solocloud-fuzz-tar-'))
  readonly #root = join(this.#home, 'root')
  readonly #canary = join(this.#home, 'canary')

  static async open(): Promise<TarTarget> {
    const fixture = await import('../../chroot-runner/unpack/fixture.ts')
    return new TarTarget(fixture, await import('../../chroot-runner/unpack/unpack-error.ts'))
  }

  private constructor(fixture: Fixture, errors: Errors) {
    this.#fixture = fixture
    this.#errors = errors
    writeFileSync(this.#canary, CANARY, { mode: 0o640 })
    chmodSync(this.#canary, 0o640)
  }

  async run(input: Buffer): Promise<string> {
    const packed = pack(input)
    const size = 1 + (input[1] ?? 0) * 16
    const ending = await this.#unpack(packed, size)
    const digest = createHash('sha256').update(input).digest()
    if ((digest[0] ?? 0) % AGAIN_ONE_IN === 0) {
      const again = await this.#unpack(packed, size === 1 ? 4096 : Math.ceil(size / 7))
      // Of two defects, either may be met first.
      const same = again === ending || !`${again} ${ending}`.includes(UNPACKED)
      must(same, `in other chunks it ends as ${again}, not ${ending}`)
    }
    return shapeOf(ending.replace(/sha256:\w+/, ''))
  }

  repair(input: Buffer): Buffer {
    return packingOf(input) === 'tar' || packingOf(input) === 'gzip' ? withChecksums(input) : input
  }

  close(): Promise<void> {
    rmSync(this.#home, { recursive: true, force: true })
    return Promise.resolve()
  }

  /** How it ended: the digest and the number of members, or the error. */
  async #unpack(packed: Buffer, chunkBytes: number): Promise<string> {
    const { chunksOf, TEST_LIMITS } = this.#fixture
    const { unpack } = await import('../../chroot-runner/unpack/unpack.ts')
    const stream = chunksOf(packed, chunkBytes)
    const limits = { ...TEST_LIMITS, ...LIMITS }
    const ignoreOwners = process.getuid?.() !== 0
    const options = { packedSha256: null, architecture: 'amd64', limits, ignoreOwners } as const
    mkdirSync(this.#root)
    try {
      const { digest, entries, bytes } = await unpack(stream, this.#root, options, this.#system())
      must(bytes <= LIMITS.unpackedBytesMax, 'more unpacked than its limit allows')
      return `${UNPACKED} ${entries} ${digest}`
    } catch (error) {
      if (!(error instanceof this.#errors.UnpackError)) throw error
      checkSentence(error.message)
      return `${error.code}: ${error.message}`
    } finally {
      must(stream.destroyed, 'the input is left open')
      this.#checkOutside()
      rmSync(this.#root, { recursive: true, force: true })
    }
  }

  #checkOutside(): void {
    must(readdirSync(this.#home).join() === 'canary,root', 'something appeared beside the root')
    must(readFileSync(this.#canary, 'utf8') === CANARY, 'a file beside the root has changed')
  }

  /** The addon's calls as the kernel answers them; a file stands for a pipe. */
  #system() {
    return this.#fixture.fakeSystem({
      mknod(path) {
        if (existsSync(path)) return -17 // EEXIST
        writeFileSync(path, '', { flag: 'wx', mode: 0o600 })
        return 0
      },
      lsetxattr(_path, name, value) {
        if (name.includes('\0')) throw new TypeError('syscalls: bad argument')
        if (Buffer.byteLength(name) > 255 || name === '') return -34 // ERANGE, xattr(7)
        if (value.length > 65_536) return -7 // E2BIG
        return /^(user|security|trusted)\../.test(name) ? 0 : -95 // EOPNOTSUPP
      },
    })
  }
}

function packingOf(input: Buffer): Packing {
  return PACKINGS[(input[0] ?? 0) % PACKINGS.length] ?? 'bytes'
}

function pack(input: Buffer): Buffer {
  const bytes = input.subarray(2)
  const packing = packingOf(input)
  if (packing === 'gzip') return gzipSync(bytes, { level: 1 })
  return packing === 'zstd' ? zstdCompressSync(bytes) : bytes
}

/** The checksum of every block that says it is a header becomes its own. */
function withChecksums(input: Buffer): Buffer {
  const copy = Buffer.from(input)
  for (let at = 2; at + BLOCK <= copy.length; at += BLOCK) {
    const block = copy.subarray(at, at + BLOCK)
    if (block.toString('latin1', 257, 262) !== 'ustar') continue
    block.fill(' ', CHECKSUM_AT, CHECKSUM_AT + 8)
    const sum = block.reduce((total, byte) => total + byte, 0)
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, CHECKSUM_AT, 'latin1')
  }
  return copy
}
