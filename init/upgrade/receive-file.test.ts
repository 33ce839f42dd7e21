import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { AppError } from '../supervisor/apps.ts'
import { receiveFile } from './receive-file.ts'

const dir = mkdtempSync(join(tmpdir(), 'receive-'))
afterAll(() => rmSync(dir, { recursive: true }))
const path = join(dir, 'init.new')

const content = Buffer.alloc(3 * 1024 * 1024 + 7, 'solocloud')
const sha256 = createHash('sha256').update(content).digest('hex')

const body = (bytes: Buffer): Readable =>
  Readable.from(
    Array.from({ length: Math.ceil(bytes.length / 65536) }, (_, i) =>
      bytes.subarray(i * 65536, (i + 1) * 65536),
    ),
  )

async function outcome(file: Parameters<typeof receiveFile>[1]): Promise<string> {
  try {
    await receiveFile(path, file, () => undefined)
    return 'received'
  } catch (error) {
    expect(existsSync(path)).toBe(false)
    return error instanceof AppError ? error.code : String(error)
  }
}

test('the file has every byte and may be executed, and progress is told now and then', async () => {
  const told: number[] = []
  await receiveFile(path, { body: body(content), bytes: content.length, sha256 }, (bytes) => {
    told.push(bytes)
  })
  expect(readFileSync(path).equals(content)).toBe(true)
  expect(statSync(path).mode & 0o7777).toBe(0o755)
  expect(told.length).toBeLessThan(6)
  expect(told.at(-1)).toBe(content.length)
  rmSync(path)
})

test('fewer, more and other bytes than announced leave nothing', async () => {
  const bytes = content.length
  expect(await outcome({ body: body(content), bytes: bytes + 1, sha256 })).toBe('connection-lost')
  expect(await outcome({ body: body(content), bytes: bytes - 1, sha256 })).toBe('connection-lost')
  const other = Buffer.alloc(bytes)
  expect(await outcome({ body: body(other), bytes, sha256 })).toBe('digest-mismatch')
})

test('a body that breaks leaves nothing, and is not called an image', async () => {
  for (const code of ['connection-lost', 'push-stalled']) {
    const broken = Readable.from(
      (function* () {
        yield content
        throw new AppError(code, 'No more of the image comes.')
      })(),
    )
    const received = receiveFile(path, { body: broken, bytes: 1e9, sha256 }, () => undefined)
    await expect(received).rejects.toThrow(expect.objectContaining({ code }) as Error)
    await expect(received).rejects.not.toThrow(/image/)
    expect(existsSync(path)).toBe(false)
  }
})

test('a file that is there already is nobody to write over', async () => {
  writeFileSync(path, 'x')
  const file = { body: body(content), bytes: content.length, sha256 }
  await expect(receiveFile(path, file, () => undefined)).rejects.toThrow('EEXIST')
  expect(readFileSync(path, 'utf8')).toBe('x')
  rmSync(path)
})
