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
