// The role `unpack` as the decompressor of kernel modules: in an empty root, from one file to another.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { FILE, isRoot } from './built-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'unxz-'))
afterAll(() => rmSync(directory, { recursive: true }))

const plain = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * at) % 251))
/** As kernels pack their modules (scripts/Makefile.modinst). */
const packed = spawnSync('xz', ['--check=crc32', '--lzma2=dict=1MiB', '-c'], {
  input: plain,
}).stdout

function unxz(...files: Buffer[]): { status: number | null; err: string; out: Buffer[] } {
  const descriptors = files.flatMap((bytes, at) => {
    writeFileSync(join(directory, `in${at}`), bytes)
    return [openSync(join(directory, `in${at}`), 'r'), openSync(join(directory, `out${at}`), 'w')]
  })
  try {
    const root = mkdtempSync(join(directory, 'root-'))
    const done = spawnSync(FILE, ['unpack', root, 'unxz', `${files.length}`], {
      ...{ stdio: ['ignore', 'ignore', 'pipe', ...descriptors] },
      ...{ encoding: 'utf8', timeout: 60_000 },
    })
    const out = files.map((_, at) => readFileSync(join(directory, `out${at}`)))
    return { status: done.status, err: done.stderr, out }
  } finally {
    for (const fd of descriptors) closeSync(fd)
  }
}

test.runIf(isRoot)('whole files come out whole', () => {
  const { status, err, out } = unxz(packed, packed)
  expect({ status, err }).toEqual({ status: 0, err: '' })
  expect(out.map((bytes) => bytes.equals(plain))).toEqual([true, true])
})

test.runIf(isRoot)(
  'a truncated one, and one with too much in it, stay empty; the next is whole',
  () => {
    const zeros = spawnSync('xz', ['-1c'], { input: Buffer.alloc(33 * 1024 * 1024) }).stdout
    const { status, err, out } = unxz(packed.subarray(0, -20), zeros, packed)
    expect(status).toBe(1)
    expect(err).toMatch(/^solocloud: xz: .+\nsolocloud: xz: more than 33554432 bytes are in it\n$/)
    expect(out.map(({ length }) => length)).toEqual([0, 0, plain.length])
  },
)
