// What runs on Linux 3.10: the file, and the Node and libraries that it puts into images.
import { spawnSync } from 'node:child_process'
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { partNames, readPart } from '../../bundle/payload.ts'
import { VERSION } from '../../protocol/version.ts'
import { ALL_CHECKS, FILE, inSharedMounts, isRoot, passed, run } from '../bundle/built-file.ts'

const place = mkdtempSync(join(tmpdir(), 'compat-'))
const oldKernel = join(place, 'old-kernel')
afterAll(() => rmSync(place, { recursive: true }))

beforeAll(() => {
  const source = join(import.meta.dirname, 'old-kernel.c')
  const flags = ['-static', '-Wall', '-Wextra', '-Werror', '-O2']
  expect(run(['gcc', ...flags, '-o', oldKernel, source])).toEqual({ status: 0, out: '', err: '' })
})

test('cloud runs when every system call newer than 3.10 is unknown', () => {
  const done = run([oldKernel, FILE, 'cloud', '--version'])
  expect(done).toEqual({ status: 0, out: `${VERSION}\n`, err: '' })
  expect(passed(run([oldKernel, FILE, 'cloud', 'self-check']))).toEqual(ALL_CHECKS)
})

test.runIf(isRoot)('as a user without rights too', () => {
  const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] as const
  run(['chmod', '755', place])
  const done = run([...user, oldKernel, FILE, 'cloud', 'self-check'])
  expect(done.err).toBe('')
  expect(passed(done)).toEqual(ALL_CHECKS)
})

test.runIf(isRoot)('an image is unpacked, in a root without /dev and /proc', () => {
  const [tree, root] = [join(place, 'tree'), join(place, 'root')]
  mkdirSync(tree)
  mkdirSync(root)
  const manifest = {
    name: 'x',
    version: '1',
    architecture: 'amd64',
    config: { Entrypoint: ['/a'] },
  }
  writeFileSync(join(tree, 'image.json'), JSON.stringify(manifest))
  run(['tar', 'cJf', join(place, 'x.txz'), '-C', tree, 'image.json'])
  const done = run([
    'sh',
    '-c',
    'exec "$0" "$1" unpack "$2" < "$3"',
    oldKernel,
    FILE,
    root,
    join(place, 'x.txz'),
  ])
  expect(done.err).toBe('')
  expect(JSON.parse(done.out)).toMatchObject({ event: 'done', compression: 'xz', entries: 1 })
})

test.runIf(isRoot)(
  'the Node from our file runs in an image with compat.so',
  { timeout: 60_000 },
  async () => {
    const root = join(place, 'image')
    const library = join(root, 'lib/x86_64-linux-gnu')
    for (const directory of ['etc', 'lib64', 'proc', 'dev', 'lib/x86_64-linux-gnu'])
      mkdirSync(join(root, directory), { recursive: true })
    const put = (name: string, path: string): Promise<void> =>
      pipeline(readPart(name, FILE).stream(), createWriteStream(path, { mode: 0o755 }))
    for (const name of partNames(FILE).filter((part) => /^lib.*\.so/.test(part)))
      await put(name, join(library, name))
    await put('node', join(root, 'node'))
    await put('ld.so', join(root, 'lib64/ld-linux-x86-64.so.2'))
    await put('compat.so', join(library, 'compat.so'))
    writeFileSync(join(root, 'etc/ld.so.preload'), '/lib/x86_64-linux-gnu/compat.so\n')
    run(['cp', oldKernel, join(root, 'old-kernel')])
    spawnSync('mknod', [join(root, 'dev/urandom'), 'c', '1', '9'])
    const program = `
    const { isSea } = require('node:sea')
    const { randomBytes, randomUUID } = require('node:crypto')
    console.log(isSea(), process.version, randomBytes(8).length, randomUUID().length)`
    const chroot = `chroot ${root} /old-kernel /node -e "$PROGRAM"`
    const done = run(inSharedMounts(`mount -t proc proc ${root}/proc; ${chroot}`), {
      PATH: process.env['PATH'],
      PROGRAM: program,
    })
    expect(done.err).toBe('')
    expect(done.out).toBe(`false ${process.version} 8 36\n`)
  },
)

test('an older kernel is refused in one sentence', () => {
  const done = run(['setarch', process.arch === 'x64' ? 'x86_64' : 'aarch64', '--uname-2.6', FILE])
  expect(done.status).toBe(70)
  expect(done.err).toBe(
    'solocloud: this kernel is older than Linux 3.10, the oldest that Node.js runs on\n',
  )
})
