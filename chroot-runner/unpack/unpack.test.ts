import { createHash } from 'node:crypto'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  END_OF_TAR,
  type FixtureMember,
  fakeSystem,
  imageOf,
  MANIFEST,
  memberBytes,
  paxRecord,
  tarOf,
  TempDir,
  type TestOptions,
  unpackInto,
} from './fixture.ts'
import { UnpackError } from './unpack-error.ts'

/** The UnpackError that an image ends in, as `code: message`. */
async function refusal(image: Buffer, options: TestOptions = {}): Promise<string> {
  using root = new TempDir()
  try {
    await unpackInto(root.path, image, options)
  } catch (error) {
    if (error instanceof UnpackError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'no error'
}

const dir = (name: string, more: Partial<FixtureMember> = {}): FixtureMember => ({
  name,
  type: '5',
  mode: 0o755,
  ...more,
})

test('files, directories, links and their looks arrive', async () => {
  using root = new TempDir()
  const image = imageOf(
    dir('./', { mode: 0o711, mtime: 5 }),
    dir('./bin/', { mode: 0o555, mtime: 1_000_000_000 }),
    { name: './bin/app', data: 'hello', mode: 0o4755, mtime: 1_234_567_890 },
    { name: 'bin/twin', type: '1', link: './bin/app' },
    { name: 'bin/abs', type: '2', link: '/etc/passwd' },
    { name: 'bin/up', type: '2', link: '../../../x', mtime: 7 },
    { name: '/etc/deep/down/file', data: '', pax: { mtime: '1600000000.25' } },
    { name: 'old', data: 'x', pax: { mtime: '-100' } },
  )
  const result = await unpackInto(root.path, image)
  const at = (path: string) => join(root.path, path)
  expect(readFileSync(at('bin/app'), 'utf8')).toBe('hello')
  expect(statSync(at('bin/app')).mode & 0o7777).toBe(0o4755)
  expect(statSync(at('bin/app')).mtimeMs).toBe(1_234_567_890_000)
  expect(statSync(at('bin/app')).ino).toBe(statSync(at('bin/twin')).ino)
  expect(readlinkSync(at('bin/abs'))).toBe('/etc/passwd')
  expect(readlinkSync(at('bin/up'))).toBe('../../../x')
  expect(lstatSync(at('bin/up')).mtimeMs).toBe(7000)
  expect(statSync(at('bin')).mode & 0o7777).toBe(0o555)
  expect(statSync(at('bin')).mtimeMs).toBe(1_000_000_000_000)
  expect(statSync(root.path).mode & 0o7777).toBe(0o711)
  expect(statSync(root.path).mtimeMs).toBe(5000)
  expect(statSync(at('etc/deep')).mode & 0o7777).toBe(0o755)
  expect(statSync(at('etc/deep/down/file')).mtimeMs).toBe(1_600_000_000_250)
  expect(statSync(at('old')).mtimeMs).toBe(-100_000)
  expect(result).toMatchObject({
    digest: `sha256:${createHash('sha256').update(image).digest('hex')}`,
    packedSha256: createHash('sha256').update(image).digest('hex'),
    bytes: image.length,
    entries: 9,
    devicesSkipped: 0,
    compression: 'none',
  })
  expect(result.manifest.config.Cmd).toEqual(['/app'])
})

test('the digest is of the tar, whatever it was packed with', async () => {
  using root = new TempDir()
  const image = imageOf()
  const packed = gzipSync(image)
  const result = await unpackInto(root.path, packed)
  expect(result.digest).toBe(`sha256:${createHash('sha256').update(image).digest('hex')}`)
  expect(result.packedSha256).toBe(createHash('sha256').update(packed).digest('hex'))
  expect(result.packedBytes).toBe(packed.length)
})

test('names of any length come as PAX, GNU long names and ustar prefixes', async () => {
  using root = new TempDir()
  const long = `${'d'.repeat(200)}/${'é'.repeat(120)}`
  const gnu = `${'g'.repeat(150)}/name`
  await unpackInto(
    root.path,
    imageOf(
      { name: 'cut short', data: 'pax', pax: { path: long } },
      { name: '././@LongLink', type: 'L', data: `${gnu}\0` },
      { name: 'cut short', data: 'gnu' },
      { name: '././@LongLink', type: 'K', data: `${gnu}\0` },
      { name: 'link', type: '2', link: 'cut short' },
    ),
  )
  expect(readFileSync(join(root.path, long), 'utf8')).toBe('pax')
  expect(readFileSync(join(root.path, gnu), 'utf8')).toBe('gnu')
  expect(readlinkSync(join(root.path, 'link'))).toBe(gnu)
})

test('a directory may come twice, the last look holds', async () => {
  using root = new TempDir()
  await unpackInto(root.path, imageOf(dir('a', { mode: 0o700 }), dir('a/', { mode: 0o711 })))
  expect(statSync(join(root.path, 'a')).mode & 0o7777).toBe(0o711)
})

test('pipes are made, devices are skipped and counted, attributes are bytes', async () => {
  using root = new TempDir()
  const capability = Buffer.from([1, 0, 0, 2, 0, 4, 0, 0, 0xff, 0xfe, 0, 0])
  const calls: unknown[] = []
  const system = fakeSystem({
    mknod: (path, mode) => {
      calls.push(['mknod', path.slice(root.path.length), mode])
      return -95
    },
    lsetxattr: (path, name, value) => {
      calls.push(['lsetxattr', path.slice(root.path.length), name, Buffer.from(value)])
      return 0
    },
  })
  const image = imageOf(
    { name: 'ping', pax: { 'SCHILY.xattr.security.capability': capability } },
    { name: 'dev/null', type: '3' },
    { name: 'dev/sda', type: '4' },
    { name: 'pipe', type: '6' },
  )
  await expect(unpackInto(root.path, image, { system })).rejects.toThrow('mknod')
  expect(calls).toEqual([
    ['lsetxattr', '/ping', 'security.capability', capability],
    ['mknod', '/pipe', 0o010600],
  ])
  using second = new TempDir()
  const devices = imageOf({ name: 'dev/null', type: '3' }, { name: 'dev/null', type: '3' })
  expect((await unpackInto(second.path, devices)).devicesSkipped).toBe(2)
  expect(readdirSync(join(second.path, 'dev'))).toEqual([])
})

test('an attribute that the file system cannot keep is named', async () => {
  const system = fakeSystem({ lsetxattr: () => -95 })
  const image = imageOf({ name: 'a', pax: { 'SCHILY.xattr.user.x': 'y' } })
  expect(await refusal(image, { system })).toMatch(/^image-refused: "a" has the attribute "user.x"/)
})

const file = { name: 'a', data: 'x' }
const refusals: [string, Buffer, RegExp][] = [
  ['an empty image', Buffer.alloc(0), /^image-corrupt: the image is empty/],
  ['something else', Buffer.from('hello'.repeat(500)), /^image-corrupt: this is not an image/],
  ['zeros', END_OF_TAR, /^image-corrupt: this is not an image/],
  ['no manifest', tarOf(file), /^manifest-invalid: the image has no image.json/],
  [
    'a wrong manifest',
    tarOf({ name: 'image.json', data: '{}' }),
    /^manifest-invalid: architecture/,
  ],
  [
    'a manifest as a link',
    tarOf({ name: 'image.json', type: '2', link: 'a' }),
    /^manifest-invalid/,
  ],
  ['a huge manifest', tarOf({ name: 'image.json', data: ' '.repeat(262145) }), /^manifest-invalid/],
  [
    'another processor',
    tarOf({ name: 'image.json', data: MANIFEST.replace('amd64', 'arm64') }),
    /^wrong-architecture: the image is for arm64, but this node is amd64/,
  ],
  ['..', imageOf({ name: '../a', data: 'x' }), /^image-refused: "..\/a" leads out of the image/],
  ['.. within', imageOf({ name: 'a/../../b' }), /^image-refused: .*leads out/],
  [
    '.. in a hard link',
    imageOf({ name: 'a', type: '1', link: '../x' }),
    /^image-refused: .*leads out/,
  ],
  ['a file twice', imageOf(file, file), /^image-refused: "a" comes twice/],
  [
    'a file twice, spelt otherwise',
    imageOf(file, { name: './a//', pax: { path: './/a' } }),
    /comes twice/,
  ],
  ['a link over a file', imageOf(file, { name: 'a', type: '2', link: 'b' }), /"a" comes twice/],
  ['a directory over a file', imageOf(file, dir('a')), /"a" comes twice, once not as a directory/],
  ['a file over a directory', imageOf(dir('a'), file), /"a" comes twice/],
  ['a file over an implied directory', imageOf({ name: 'a/b' }, file), /"a" comes twice/],
  ['beneath a file', imageOf(file, { name: 'a/b' }), /"a\/b" lies beneath "a", which is not a dir/],
  [
    'beneath a symbolic link',
    imageOf({ name: 's', type: '2', link: '/tmp' }, { name: 's/x', data: 'x' }),
    /"s\/x" lies beneath "s", which is not a directory/,
  ],
  [
    'a hard link through a symbolic link',
    imageOf({ name: 's', type: '2', link: '/etc' }, { name: 'l', type: '1', link: 's/passwd' }),
    /"l" is a hard link to "s\/passwd", which does not come before it/,
  ],
  [
    'a hard link too early',
    imageOf({ name: 'l', type: '1', link: 'a' }, file),
    /does not come before/,
  ],
  [
    'a hard link to a directory',
    imageOf(dir('d'), { name: 'l', type: '1', link: 'd' }),
    /to a directory/,
  ],
  ['a hard link to the root', imageOf({ name: 'l', type: '1', link: '/' }), /to a directory/],
  [
    'a hard link with data',
    imageOf(file, { name: 'l', type: '1', link: 'a', data: 'x' }),
    /has data/,
  ],
  ['a directory with data', imageOf(dir('d', { data: 'x' })), /"d" has data, but is not a file/],
  [
    'a root that is a file',
    imageOf({ name: './', pax: { path: './' }, data: 'x' }),
    /root|has data/,
  ],
  ['a symbolic link to nothing', imageOf({ name: 's', type: '2' }), /symbolic link to nothing/],
  [
    'a long name',
    imageOf({ name: 'a', pax: { path: 'n'.repeat(256) } }),
    /^image-too-big: .*255 bytes/,
  ],
  [
    'a long path',
    imageOf({ name: 'a', pax: { path: 'n/'.repeat(2100) } }),
    /^image-too-big: .*4094/,
  ],
  [
    'a long link',
    imageOf({ name: 'a', type: '2', pax: { linkpath: 'l'.repeat(4096) } }),
    /4095 bytes/,
  ],
  [
    'a large PAX header',
    imageOf({ name: 'a', pax: { comment: 'x'.repeat(300_000) } }),
    /PAX or long-name/,
  ],
  ['a NUL in a name', imageOf({ name: 'a', pax: { path: 'a\0b' } }), /has a NUL/],
  [
    'a name that is not UTF-8',
    imageOf({ name: 'a', pax: { path: Buffer.from([0xe9]) } }),
    /not UTF-8/,
  ],
  [
    'a GNU sparse member',
    imageOf({ name: 'a', type: 'S' }),
    /^image-refused: "a" is a sparse member/,
  ],
  [
    'a PAX sparse member',
    imageOf({ name: 'a', pax: { 'GNU.sparse.major': '1' } }),
    /sparse member/,
  ],
  [
    'an unknown type',
    imageOf({ name: 'a', type: 'V' }),
    /^image-refused: "a" is a member of type "V"/,
  ],
  ['an access control list', imageOf({ name: 'a', pax: { 'SCHILY.acl.access': 'x' } }), /--acls/],
  [
    'a global size',
    imageOf({ name: 'g', type: 'g', data: paxRecord(['size', '1']) }),
    /global PAX/,
  ],
  [
    'a malformed PAX header',
    imageOf({ name: 'x', type: 'x', data: '99 a=b\n' }),
    /PAX header is malf/,
  ],
  [
    'two PAX headers',
    imageOf({ name: 'x', type: 'x', data: '6 a=b\n' }, { ...file, pax: { a: 'b' } }),
    /two headers/,
  ],
  [
    'a PAX header for nothing',
    imageOf({ name: 'x', type: 'x', data: '6 a=b\n' }),
    /describes no member/,
  ],
  ['a negative size', imageOf({ name: 'a', size: '\xff'.repeat(12) }), /impossible size/],
  ['a size that is no number', imageOf({ name: 'a', size: 'zz' }), /impossible size/],
  ['a PAX size that is no number', imageOf({ name: 'a', pax: { size: '-1' } }), /no proper size/],
  ['an impossible owner', imageOf({ name: 'a', pax: { uid: '4294967295' } }), /impossible owner/],
  ['an impossible time', imageOf({ name: 'a', pax: { mtime: 'soon' } }), /impossible time/],
  [
    'no end',
    Buffer.concat([memberBytes({ name: 'image.json', data: MANIFEST })]),
    /lacks its end mark/,
  ],
  ['half an end', imageOf().subarray(0, -512), /^image-corrupt: the image is truncated/],
  [
    'an end within data',
    imageOf({ name: 'a', data: 'x'.repeat(5000) }).subarray(0, 3000),
    /truncated/,
  ],
  [
    'bytes after the end',
    Buffer.concat([imageOf(), Buffer.from('x')]),
    /bytes after the end of its tar/,
  ],
  ['a second tar', Buffer.concat([imageOf(), imageOf()]), /bytes after the end of its tar/],
  ['a lone block of zeros', Buffer.concat([END_OF_TAR.subarray(512), imageOf()]), /not an image/],
]
test.each(refusals)('%s is refused', async (_what, image, message) => {
  expect(await refusal(image)).toMatch(message)
})

test('a block of zeros among members is refused', async () => {
  const image = Buffer.concat([imageOf().subarray(0, -512), imageOf(file)])
  expect(await refusal(image)).toMatch(/^image-corrupt: the tar is corrupt: a block of zeros/)
})

test('a wrong checksum is refused', async () => {
  const image = imageOf(file)
  image.writeUInt8(0x42, 1024 + 3)
  expect(await refusal(image)).toMatch(/^image-corrupt: .*wrong checksum/)
})

const limits: [string, TestOptions['limits'], Buffer, RegExp][] = [
  ['packed bytes', { packedBytesMax: 2000 }, imageOf(), /^image-too-big: .*2000 bytes packed/],
  ['unpacked bytes', { unpackedBytesMax: 2000 }, gzipSync(imageOf()), /2000 bytes unpacked/],
  ['members', { entriesMax: 2 }, imageOf(file, { name: 'b' }), /more than 2 members/],
  [
    'expansion',
    { ratioFreeBytes: 100_000 },
    gzipSync(imageOf({ name: 'z', data: Buffer.alloc(10_000_000) })),
    /^image-too-big: the image expands more than 1000 times/,
  ],
  [
    'directories',
    { directoryBytesMax: 150 },
    imageOf(dir('a'), dir('b'), dir('c')),
    /too many dir/,
  ],
  ['free space', { reserveBytes: 1e18 }, imageOf(), /^disk-full: .*"image.json" needs \d+ bytes/],
  ['free inodes', { reserveInodes: 1e18 }, imageOf(), /^disk-full: /],
]
test.each(limits)('the limit of %s holds', async (_what, limit, image, message) => {
  expect(await refusal(image, { limits: { ratioMax: 1000, ...limit } })).toMatch(message)
})

test('a wrong announced sha256 is refused, the right one is not', async () => {
  const image = imageOf()
  const packedSha256 = createHash('sha256').update(image).digest('hex')
  expect(await refusal(image, { packedSha256 })).toBe('no error')
  const wrong = packedSha256.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
  expect(await refusal(image, { packedSha256: wrong })).toMatch(/^digest-mismatch: /)
})

test('a sync that fails is not success', async () => {
  using root = new TempDir()
  const system = fakeSystem({ syncfs: () => -5 })
  await expect(unpackInto(root.path, imageOf(), { system })).rejects.toThrow('syncfs: EIO')
})

test('progress is told at most every 200 ms of the clock', async () => {
  using root = new TempDir()
  const told: number[] = []
  let clockMs = 0
  await unpackInto(root.path, imageOf({ name: 'a', data: Buffer.alloc(100_000) }), {
    now: () => (clockMs += 15),
    onProgress: (bytes) => told.push(bytes),
  })
  expect(told.length).toBeGreaterThan(2)
  expect(told.length).toBeLessThan(20)
  expect(told).toEqual(told.toSorted((a, b) => a - b))
})

test('whatever the paths, nothing is written outside the root', async () => {
  const part = fc.constantFrom('a', 'b', 'c', '.', '..', '', 's', 'é')
  const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
  const member = fc.record({
    name,
    type: fc.constantFrom('0', '1', '2', '5'),
    link: fc.oneof(name, fc.constant('../outside')),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(member, { maxLength: 8 }), async (members) => {
      using parent = new TempDir()
      const root = join(parent.path, 'inner')
      mkdirSync(root)
      writeFileSync(join(parent.path, 'outside'), 'untouched')
      try {
        await unpackInto(root, imageOf(...members))
      } catch (error) {
        if (!(error instanceof UnpackError)) throw error
      }
      expect(readdirSync(parent.path).toSorted()).toEqual(['inner', 'outside'])
      expect(lstatSync(join(parent.path, 'outside')).nlink).toBe(1)
      expect(readFileSync(join(parent.path, 'outside'), 'utf8')).toBe('untouched')
    }),
    { numRuns: 150 },
  )
})

test('whatever bytes change, the answer is a tree or an UnpackError', async () => {
  const image = imageOf(
    dir('d'),
    { name: 'd/f', data: 'x'.repeat(700), pax: { mtime: '1.5', path: 'd/long' } },
    { name: 'l', type: '1', link: 'd/long' },
    { name: 's', type: '2', link: 'd/long' },
  )
  const change = fc.tuple(fc.nat(image.length - 1), fc.nat(255))
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const changed = Buffer.from(image)
      for (const [at, byte] of changes) changed[at] = byte
      await refusal(changed)
    }),
    { numRuns: 300 },
  )
})
