import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { imageOf } from './fixture.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { tarMembers } from './tar-members.ts'

async function namesIn(tar: AsyncIterable<Buffer>): Promise<string[]> {
  const names: string[] = []
  for await (const { path } of tarMembers(tar, DEFAULT_LIMITS)) names.push(path)
  return names
}

test('zeros behind the end that are no whole block are a corrupt image', async () => {
  const whole = imageOf({ name: 'file', data: 'x' })
  const tar = (zeros: number) => Readable.from([Buffer.concat([whole, Buffer.alloc(zeros)])])
  expect(await namesIn(tar(512))).toEqual(['image.json', 'file'])
  await expect(namesIn(tar(7))).rejects.toMatchObject({ code: 'image-corrupt' })
})

test('what the input fails with stays as it is', async () => {
  const failure = new Error('the connection broke')
  // eslint-disable-next-line @typescript-eslint/require-await -- the other side of a stream
  async function* input(): AsyncGenerator<Buffer> {
    yield imageOf().subarray(0, 700)
    throw failure
  }
  await expect(namesIn(input())).rejects.toBe(failure)
})

test.each([
  ['a name without characters', '', 'x'],
  ['a NUL in its name', 'user.a\0b', 'x'],
  ['a name over 255 bytes', `user.${'x'.repeat(251)}`, 'x'],
  ['a value over 64 KiB', 'user.x', 'x'.repeat(65_537)],
])('an attribute with %s is refused', async (_, name, value) => {
  const image = imageOf({ name: 'file', pax: { [`SCHILY.xattr.${name}`]: value } })
  await expect(namesIn(Readable.from([image]))).rejects.toMatchObject({ code: 'image-refused' })
})

test('a name that could steer a terminal is shown escaped', async () => {
  const image = imageOf({ name: 'a\u001b[2J\n', type: 'S' })
  await expect(namesIn(Readable.from([image]))).rejects.toThrow(/^"a\\u001b\[2J\\n" is a sparse/)
})
