import { createHash } from 'node:crypto'
import { appendFile, mkdtemp, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { collect } from '../test/http/collect.ts'
import { ImageFile } from './image-file.ts'

let directory: string
let path: string
const bytes = Buffer.alloc(1_000_000, 'some content')

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'image-file-'))
  path = join(directory, 'foo.txz')
  await writeFile(path, bytes)
})
afterEach(() => rm(directory, { recursive: true }))

const ignore = (): void => undefined

test('the digest and the content are those of the file, with progress', async () => {
  await using image = await ImageFile.open(path)
  const seen: number[] = []
  const digest = await image.digest((done) => seen.push(done))
  expect(digest).toEqual(createHash('sha256').update(bytes).digest())
  expect(seen.at(-1)).toBe(bytes.length)
  // Buffer.equals: to compare a million bytes one by one takes the matcher seconds.
  expect(Buffer.concat(await collect(image.content(ignore))).equals(bytes)).toBe(true)
})

/** What of the file would be sent when `change` happens after the digest: never all of it. */
async function sentAfter(change: () => Promise<void>): Promise<number> {
  await using image = await ImageFile.open(path)
  await image.digest(ignore)
  await change()
  let sent = 0
  const sending = async (): Promise<void> => {
    for await (const chunk of image.content(ignore)) sent += chunk.length
  }
  await expect(sending()).rejects.toMatchObject({ code: 'image-changed' })
  return sent
}

test('a file that is written over is noticed before its last bytes are sent', async () => {
  expect(await sentAfter(() => writeFile(path, Buffer.alloc(bytes.length, 'x')))).toBeLessThan(
    bytes.length,
  )
})

test('a file that shrinks is noticed', async () => {
  expect(await sentAfter(() => truncate(path, 500_000))).toBe(500_000)
})

test('a file that grows is sent as it was hashed', async () => {
  await using image = await ImageFile.open(path)
  await image.digest(ignore)
  await appendFile(path, 'more')
  // Buffer.equals: to compare a million bytes one by one takes the matcher seconds.
  expect(Buffer.concat(await collect(image.content(ignore))).equals(bytes)).toBe(true)
})

test('a file that changes while it is hashed is refused', async () => {
  await using image = await ImageFile.open(path)
  await utimes(path, 1, 1)
  await expect(image.digest(ignore)).rejects.toMatchObject({ code: 'image-changed' })
})

test.each<[string, string, () => Promise<void>]>([
  ['no-such-file', 'There is no file', () => rm(path)],
  ['not-an-image', 'is empty', () => truncate(path, 0)],
])('%s', async (code, message, change) => {
  await change()
  const opening = ImageFile.open(path)
  await expect(opening).rejects.toMatchObject({ code })
  await expect(opening).rejects.toThrow(message)
})

test('a directory is told how it becomes an image', async () => {
  const message = `pack it first: cloud image build ${directory} -o `
  await expect(ImageFile.open(directory)).rejects.toThrow(message)
})
