import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { TempDir, unpackInto } from '../chroot-runner/unpack/fixture.ts'
import { build, type BuildOptions, type Built } from './build.ts'
import { BuildError } from './build-error.ts'
import { elfFile } from './fixture-elf.ts'
import { inspect } from './inspect.ts'
import { fakePayload } from './fixture-payload.ts'

type Tree = Record<string, string | Buffer | { link: string }>

const STATIC = elfFile({})
const manifest = (config: object): string => JSON.stringify({ architecture: 'amd64', config })
const OPTIONS: BuildOptions = { payload: fakePayload, hostDirectories: [], sourceDateEpoch: 0 }

function write(root: string, tree: Tree): void {
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    if (typeof content === 'object' && 'link' in content)
      symlinkSync(content.link, join(root, path))
    else writeFileSync(join(root, path), content)
  }
}

/** Builds a directory with `tree`, unpacks the image, and hands both over. */
async function roundTrip(
  tree: Tree,
  options: BuildOptions = {},
  check: (root: string, built: Built) => void = () => undefined,
): Promise<Built> {
  using directory = new TempDir()
  using out = new TempDir()
  using root = new TempDir()
  write(directory.path, tree)
  const image = join(out.path, 'image.tar')
  const built = await build(directory.path, image, { ...OPTIONS, ...options })
  await unpackInto(root.path, readFileSync(image))
  check(root.path, built)
  return built
}

async function refusal(tree: Tree, options: BuildOptions = {}): Promise<string> {
  try {
    await roundTrip(tree, options)
  } catch (error) {
    if (error instanceof BuildError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'no error'
}

const app = { 'image.json': manifest({ Cmd: ['/app'] }), app: STATIC }

test('what is unpacked is what was in the directory, with normal modes, times and a /tmp', async () => {
  using directory = new TempDir()
  using out = new TempDir()
  using root = new TempDir()
  const at = (path: string): string => join(directory.path, path)
  write(directory.path, { ...app, 'a/b': 'text', 'a.b': 'x', link: { link: '/a/none' }, empty: '' })
  const long = `${'d'.repeat(120)}/${'é'.repeat(100)}`
  write(directory.path, { [long]: 'long' })
  linkSync(at('a/b'), at('0'))
  chmodSync(at('app'), 0o4750)
  chmodSync(at('a/b'), 0o600)
  mkdirSync(at('spool'))
  chmodSync(at('spool'), 0o1777)
  const image = join(out.path, 'image.txz')
  const built = await build(directory.path, image, OPTIONS)
  const unpacked = await unpackInto(root.path, readFileSync(image))
  const seen = (path: string): string => join(root.path, path)
  expect(built).toMatchObject({
    digest: unpacked.digest,
    packedSha256: unpacked.packedSha256,
    bytes: unpacked.bytes,
    packedBytes: unpacked.packedBytes,
    entries: unpacked.entries,
    added: ['/tmp'],
  })
  const paths = (path: string): string[] =>
    readdirSync(path, { recursive: true, encoding: 'utf8' }).toSorted()
  expect(paths(root.path)).toEqual([...paths(directory.path), 'tmp'].toSorted())
  expect(readFileSync(seen(long), 'utf8')).toBe('long')
  expect(readlinkSync(seen('link'))).toBe('/a/none')
  expect(lstatSync(seen('a/b')).ino).toBe(lstatSync(seen('0')).ino)
  const mode = (path: string): number => lstatSync(seen(path)).mode & 0o7777
  expect(mode('app')).toBe(0o4755)
  expect(mode('a/b')).toBe(0o644)
  expect(mode('a')).toBe(0o755)
  expect(mode('spool')).toBe(0o1777)
  expect(mode('tmp')).toBe(0o1777)
  for (const path of ['app', 'a', 'link', 'tmp', '.']) expect(lstatSync(seen(path)).mtimeMs).toBe(0)
})

test.each(['tar', 'tgz', 'tar.gz', 'txz', 'tar.xz', 'tzst', 'tar.zst'])(
  'a .%s has the same bytes every time, and inspect agrees',
  async (ending) => {
    using out = new TempDir()
    const files: Buffer[] = []
    for (const name of ['one', 'two']) {
      using directory = new TempDir()
      write(directory.path, app)
      utimesSync(join(directory.path, 'app'), files.length, files.length)
      const file = join(out.path, `${name}.${ending}`)
      const built = await build(directory.path, file, OPTIONS)
      const { digest, bytes, packedBytes, packedSha256, entries } = built
      expect(await inspect(file)).toMatchObject({
        digest,
        bytes,
        packedBytes,
        packedSha256,
        entries,
      })
      files.push(readFileSync(file))
    }
    expect(files[0]?.equals(files[1] ?? Buffer.alloc(0))).toBe(true)
    expect(readdirSync(out.path)).toHaveLength(2)
  },
)

test('image.json comes first, and SOURCE_DATE_EPOCH is every time', async () => {
  using directory = new TempDir()
  using out = new TempDir()
  write(directory.path, { ...app, '!before': 'x' })
  const file = join(out.path, 'a.tar')
  const members: string[] = []
  await build(directory.path, file, { ...OPTIONS, sourceDateEpoch: 1_700_000_000 })
  await inspect(file, { onMember: (path) => members.push(path) })
  expect(members).toEqual(['', 'image.json', '!before', 'app', 'tmp'])
  using root = new TempDir()
  await unpackInto(root.path, readFileSync(file))
  expect(lstatSync(join(root.path, 'app')).mtimeMs).toBe(1_700_000_000_000)
})

test('progress ends at the total', async () => {
  const told: [number, number][] = []
  await roundTrip(app, { onProgress: ({ bytes, totalBytes }) => told.push([bytes, totalBytes]) })
  const last = told.at(-1)
  expect(last?.[0]).toBe(last?.[1])
})

test('an output that is refused leaves nothing, and a failure leaves the old image', async () => {
  using directory = new TempDir()
  using out = new TempDir()
  write(directory.path, app)
  const inside = join(directory.path, 'x.tar')
  await expect(build(directory.path, inside, OPTIONS)).rejects.toThrow('lies in the directory')
  await expect(build(directory.path, join(out.path, 'x.zip'), OPTIONS)).rejects.toThrow('ending')
  await expect(build(join(out.path, 'none'), join(out.path, 'x.tar'))).rejects.toThrow('not a dir')
  const file = join(out.path, 'x.tar')
  writeFileSync(file, 'old')
  const shrink = (): void => writeFileSync(join(directory.path, 'zzz'), 'short')
  write(directory.path, { zzz: 'x'.repeat(100_000) })
  await expect(build(directory.path, file, { ...OPTIONS, onProgress: shrink })).rejects.toThrow(
    'changed while it was packed',
  )
  expect(readFileSync(file, 'utf8')).toBe('old')
  expect(readdirSync(out.path)).toEqual(['x.tar'])
})

const refusals: [string, Tree, RegExp][] = [
  ['no manifest', { app: STATIC }, /^manifest-invalid: .* has no image.json/],
  ['a wrong manifest', { 'image.json': '{}' }, /^manifest-invalid: architecture is missing/],
  ['no program', { 'image.json': manifest({ Cmd: ['/app'] }) }, /image.json starts \/app, which/],
  ['text as a program', { ...app, app: 'hello' }, /\/app is neither an ELF program nor a script/],
  [
    'a program for another processor',
    { ...app, app: elfFile({ machine: 183 }) },
    /\/app is a program for arm64, but image.json says amd64/,
  ],
  ['a 32-bit program', { ...app, app: elfFile({ elfClass: 1 }) }, /is not a 64-bit program/],
  ['a damaged program', { ...app, app: STATIC.subarray(0, 100) }, /is a damaged ELF file/],
  [
    'an interpreter that is nowhere',
    { ...app, app: elfFile({ interpreter: '/lib/ld-none.so' }) },
    /\/app is loaded by \/lib\/ld-none.so, which neither the directory nor this machine has/,
  ],
  [
    'a library that is nowhere',
    { ...app, app: elfFile({ needed: ['libnone.so.1'] }) },
    /\/app needs the library libnone.so.1, which neither/,
  ],
  ['a script without its shell', { ...app, app: '#!/bin/sh\n' }, /image.json starts \/bin\/sh/],
  [
    'a script without env',
    { ...app, app: '#!/usr/bin/env python3\n' },
    /\/app is run by "\/usr\/bin\/env python3", and the directory has no \/usr\/bin\/env/,
  ],
  ['a script that runs itself', { ...app, app: '#!/app\n' }, /neither an ELF program nor a script/],
  [
    'a loop of links',
    { 'image.json': manifest({ Cmd: ['/app'] }), app: { link: 'app' } },
    /\/app leads through too many symbolic links/,
  ],
  [
    'a user that nobody knows',
    { ...app, 'image.json': manifest({ Cmd: ['/app'], User: 'www' }) },
    /config.User says "www", which \/etc\/passwd of the directory does not have/,
  ],
]
test.each(refusals)('%s is refused', async (_what, tree, message) => {
  expect(await refusal(tree)).toMatch(message)
})

test('libraries come from the directory, by rpath and link, and from this machine, recursively', async () => {
  using host = new TempDir()
  write(host.path, {
    'libtwo.so.2': elfFile({ needed: ['libthree.so.3', 'libone.so.1'] }),
    'libthree.so.3': { link: 'libthree.so.3.14' },
    'libthree.so.3.14': elfFile({ needed: ['libtwo.so.2'] }),
    'libwrong.so': elfFile({ machine: 183 }),
  })
  const tree = {
    ...app,
    'opt/bin/app': elfFile({ needed: ['libone.so.1', 'libtwo.so.2'], runpath: '$ORIGIN/../lib' }),
    app: { link: '/opt/bin/app' },
    lib: { link: 'usr/lib' },
    'usr/lib/readme': '',
    'opt/lib/libone.so.1': elfFile({ needed: [] }),
  }
  const hostDirectories = [join(host.path, 'absent'), host.path]
  await roundTrip(tree, { hostDirectories }, (root, { added }) => {
    // The host's directory is not one that ld.so in the image searches, /usr/lib is.
    expect(added).toEqual(['/usr/lib/libtwo.so.2', '/usr/lib/libthree.so.3', '/tmp'])
    expect(lstatSync(join(root, 'usr/lib/libthree.so.3')).isFile()).toBe(true)
    expect(readlinkSync(join(root, 'lib'))).toBe('usr/lib')
  })
  const wrong = { ...app, app: elfFile({ needed: ['libwrong.so'] }) }
  expect(await refusal(wrong, { hostDirectories })).toMatch(/needs the library libwrong.so/)
})

test('DT_RPATH holds for what a library loads, DT_RUNPATH does not', async () => {
  const tree = (app: Buffer): Tree => ({
    ...app_,
    app,
    'opt/liba.so': elfFile({ needed: ['libb.so'] }),
    'opt/libb.so': elfFile({}),
  })
  const app_ = { 'image.json': app['image.json'] }
  expect(await refusal(tree(elfFile({ needed: ['liba.so'], rpath: '/opt' })))).toBe('no error')
  const runpath = elfFile({ needed: ['liba.so'], runpath: '/opt' })
  expect(await refusal(tree(runpath))).toMatch(/\/opt\/liba.so needs the library libb.so/)
  const env = { 'image.json': manifest({ Cmd: ['/app'], Env: ['LD_LIBRARY_PATH=/opt'] }) }
  expect(await refusal({ ...tree(elfFile({ needed: ['liba.so'] })), ...env })).toBe('no error')
})

const NODE_FILES = [
  '/usr/bin/node',
  '/lib64/ld-linux-x86-64.so.2',
  '/lib/x86_64-linux-gnu/libc.so.6',
  '/lib/x86_64-linux-gnu/libm.so.6',
  '/lib/solocloud-compat.so',
  '/etc/ld.so.preload',
]
const x64 = process.arch === 'x64'

test.runIf(x64)('a Node.js program gets Node.js, its libraries and the shim', async () => {
  const tree = { 'image.json': manifest({ Entrypoint: ['node', '/app.js'] }), 'app.js': '' }
  await roundTrip(tree, {}, (root, { added }) => {
    expect(added).toEqual([...NODE_FILES, '/tmp'])
    expect(readFileSync(join(root, 'usr/bin/node'), 'utf8')).toBe('part node')
    expect(readFileSync(join(root, 'etc/ld.so.preload'), 'utf8')).toBe('/lib/solocloud-compat.so\n')
    expect(lstatSync(join(root, 'usr/bin/node')).mode & 0o777).toBe(0o755)
  })
})

test.runIf(x64)('what the directory has of Node.js stays', async () => {
  const own = elfFile({})
  const tree = {
    'image.json': manifest({ Cmd: ['/usr/local/bin/node', '/app.js'], Env: ['PATH=/bin'] }),
    'lib64/ld-linux-x86-64.so.2': own,
    'usr/lib/libc.so.6': own,
    'etc/ld.so.preload': '',
  }
  await roundTrip(tree, {}, (_root, { added }) => {
    expect(added).toEqual(['/usr/local/bin/node', '/lib/x86_64-linux-gnu/libm.so.6', '/tmp'])
  })
  const complete = { 'image.json': manifest({ Cmd: ['node'] }), 'bin/node': own }
  expect((await roundTrip(complete)).added).toEqual(['/tmp'])
})

test.runIf(x64)('a script for env and node is started by node where there is no env', async () => {
  const script = '#!/usr/bin/env node\n'
  const tree = { 'image.json': manifest({ Entrypoint: ['run', '-x'] }), 'usr/bin/run': script }
  await roundTrip(tree, {}, (root, { added }) => {
    expect(added).toEqual([...NODE_FILES, '/tmp'])
    const text = readFileSync(join(root, 'image.json'), 'utf8')
    expect(JSON.parse(text)).toMatchObject({
      config: { Entrypoint: ['node', '/usr/bin/run', '-x'] },
    })
  })
  const cmd = { 'image.json': manifest({ Cmd: ['./run'], WorkingDir: '/srv' }), 'srv/run': script }
  await roundTrip(cmd, {}, (root) => {
    const text = readFileSync(join(root, 'image.json'), 'utf8')
    expect(JSON.parse(text)).toMatchObject({ config: { Cmd: ['node', '/srv/run'] } })
  })
  const withEnv = { ...tree, 'usr/bin/env': STATIC }
  await roundTrip(withEnv, {}, (root, { added }) => {
    expect(added).toEqual([...NODE_FILES, '/tmp'])
    expect(readFileSync(join(root, 'image.json'), 'utf8')).toBe(tree['image.json'])
  })
})

test('names of users bring /etc/passwd and /etc/group where they are missing', async () => {
  const tree = { ...app, 'image.json': manifest({ Cmd: ['/app'], User: 'nobody:nobody' }) }
  await roundTrip(tree, {}, (root, { added }) => {
    expect(added).toEqual(['/etc/passwd', '/etc/group', '/tmp'])
    expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toContain('nobody:x:65534:65534:')
  })
  const numbers = { ...app, 'image.json': manifest({ Cmd: ['/app'], User: '1000:1000' }) }
  await roundTrip(numbers, {}, (root) => expect(existsSync(join(root, 'etc'))).toBe(false))
  const known = { ...tree, 'etc/passwd': 'nobody:x:7:7:::\n', 'etc/group': 'nobody:x:7:\n' }
  expect((await roundTrip(known)).added).toEqual(['/tmp'])
})
