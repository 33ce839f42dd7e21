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

function unxz(bytes: Buffer): { status: number | null; err: string; out: Buffer } {
  writeFileSync(join(directory, 'in'), bytes)
  const input = openSync(join(directory, 'in'), 'r')
  const output = openSync(join(directory, 'out'), 'w')
  try {
    const root = mkdtempSync(join(directory, 'root-'))
    const done = spawnSync(FILE, ['unpack', root, 'unxz'], {
      ...{ stdio: [input, output, 'pipe'], encoding: 'utf8', timeout: 60_000 },
    })
    return { status: done.status, err: done.stderr, out: readFileSync(join(directory, 'out')) }
  } finally {
    closeSync(input)
    closeSync(output)
  }
}

test.runIf(isRoot)('a whole file comes out whole', () => {
  const { status, err, out } = unxz(packed)
  expect({ status, err }).toEqual({ status: 0, err: '' })
  expect(out.equals(plain)).toBe(true)
})

test.runIf(isRoot)('a truncated one, and one with too much in it, are errors', () => {
  expect(unxz(packed.subarray(0, -20))).toMatchObject({
    status: 1,
    err: expect.stringMatching(/^solocloud: xz: /) as string,
  })
  const zeros = spawnSync('xz', ['-1c'], { input: Buffer.alloc(33 * 1024 * 1024) }).stdout
  expect(unxz(zeros)).toMatchObject({
    status: 1,
    err: 'solocloud: xz: more than 33554432 bytes are in it\n',
  })
})
