import { expect, test } from 'vitest'
import { chunksOf, TEST_LIMITS } from '../unpack/fixture.ts'
import { tarMembers, type Member } from '../unpack/tar-members.ts'
import { END_OF_TAR, headerOf, paddingAfter, type PackedMember } from './tar-header.ts'

const PLAIN: PackedMember = {
  type: 'file',
  path: 'a/b',
  link: '',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeNs: 1_700_000_000_000_000_000n,
  xattrs: new Map(),
}

/** As our own unpacker reads it, without its body. */
async function reread(changes: Partial<PackedMember>, data = ''): Promise<Omit<Member, 'body'>> {
  const member = { ...PLAIN, size: data.length, ...changes }
  const tar = [headerOf(member), Buffer.from(data), paddingAfter(data.length), END_OF_TAR]
  for await (const { body: _, ...read } of tarMembers(chunksOf(Buffer.concat(tar)), TEST_LIMITS))
    return read
  throw new Error('no member')
}

test('what fits is one block', async () => {
  expect(headerOf(PLAIN)).toHaveLength(512)
  expect(await reread({ mode: 0o4755, uid: 1000, gid: 0o7777777 }, 'data')).toEqual({
    ...{ type: 'file', path: 'a/b', link: '', mode: 0o4755, uid: 1000, gid: 0o7777777 },
    ...{ size: 4, mtime: 1_700_000_000, xattrs: new Map() },
  })
})

test.each<[PackedMember['type'], string]>([
  ['directory', ''],
  ['symlink', '/target'],
  ['link', 'a/target'],
  ['fifo', ''],
])('a %s', async (type, link) => {
  expect(await reread({ type, link })).toMatchObject({ type, path: 'a/b', link })
})

test('long names, names in any script, and links of both kinds', async () => {
  const path = `${'d'.repeat(200)}/${'ü'.repeat(100)}`
  expect(await reread({ path })).toMatchObject({ path })
  expect(await reread({ path, type: 'directory' })).toMatchObject({ path, type: 'directory' })
  expect(await reread({ path: 'a\nb' })).toMatchObject({ path: 'a\nb' })
  const link = `/${'l'.repeat(300)}`
  expect(await reread({ type: 'symlink', link, path })).toMatchObject({ link, path })
  expect(await reread({ path: 'x'.repeat(100) })).toMatchObject({ path: 'x'.repeat(100) })
})

test('numbers that no field holds', async () => {
  const ids = { uid: 4_294_967_294, gid: 0o10000000 }
  expect(await reread(ids)).toMatchObject(ids)
  const header = headerOf({ ...PLAIN, size: 8 * 1024 ** 3 })
  expect(header.toString('latin1')).toContain(' size=8589934592\n')
})

test('times to the nanosecond, before 1970 too', async () => {
  expect((await reread({ mtimeNs: 1_500_000_000_123_456_789n })).mtime).toBeCloseTo(
    1_500_000_000.123,
    3,
  )
  expect((await reread({ mtimeNs: -1_500_000_000n })).mtime).toBe(-1.5)
  expect(headerOf({ ...PLAIN, mtimeNs: 1_000_000_001n }).toString('latin1')).toContain(
    ' mtime=1.000000001\n',
  )
})

test('attributes are bytes', async () => {
  const capability = Buffer.from([1, 0, 0, 2, 0xff, 0x0a, 0, 0x3d])
  const xattrs = new Map([
    ['security.capability', capability],
    ['user.empty', Buffer.alloc(0)],
  ])
  expect((await reread({ xattrs }, 'data')).xattrs).toEqual(xattrs)
})
