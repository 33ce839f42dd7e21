import {
  chmodSync,
  closeSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { backupEnd, backupHead, type BackupEnd, type BackupRequest } from '../../protocol/backup.ts'
import { fakeNative } from '../../sys/fake-native.ts'
import { command } from '../../qemu/command.ts'
import { chunksOf, TempDir, TEST_LIMITS } from '../unpack/fixture.ts'
import { tarMembers, type Member } from '../unpack/tar-members.ts'
import { packBackup } from './pack-backup.ts'
import { TarOutput } from './tar-output.ts'

const ENODATA = -61
const CWD = process.cwd()
const REQUEST: BackupRequest = {
  head: {
    version: 1,
    createdAt: '2026-01-02T03:04:05.000Z',
    node: { version: '0.1.0', hostname: 'vps', architecture: 'amd64' },
    apps: [
      { name: 'foo', digest: `sha256:${'1'.repeat(64)}`, version: '1.0' },
      { name: 'bar', digest: `sha256:${'2'.repeat(64)}`, version: null },
    ],
  },
  settings: '{"solocloud.hostname": "vps"}\n',
  generations: [7, 1],
}
let place: TempDir

beforeEach(() => {
  place = new TempDir()
  for (const [app, number] of [
    ['foo', 7],
    ['bar', 1],
  ] as const) {
    mkdirSync(join(place.path, `chroots/.generations/${app}/${number}`), { recursive: true })
    writeFileSync(
      join(place.path, `chroots/.generations/${app}/${number}.json`),
      `{"of":"${app}"}\n`,
    )
  }
})
afterEach(() => {
  process.chdir(CWD)
  place[Symbol.dispose]()
})

const foo = (path: string): string => join(place.path, 'chroots/.generations/foo/7', path)
const archive = (): string => join(place.path, 'archive.tar')

/** `onMember` is called before each member's header is written. */
function pack(onMember: (path: string) => void = () => undefined, xattrs: object = {}): void {
  const fd = openSync(archive(), 'w')
  class Watched extends TarOutput {
    override add(member: Parameters<TarOutput['add']>[0]): void {
      onMember(member.path)
      super.add(member)
    }
  }
  const native = fakeNative({ flistxattr: () => 0, fgetxattr: () => ENODATA, ...xattrs })
  try {
    packBackup(join(place.path, 'chroots'), REQUEST, { native, output: new Watched(fd) })
  } finally {
    closeSync(fd)
  }
}

interface Read extends Omit<Member, 'body'> {
  data: string
}

async function members(): Promise<Map<string, Read>> {
  const read = new Map<string, Read>()
  for await (const { body, ...member } of tarMembers(
    chunksOf(readFileSync(archive())),
    TEST_LIMITS,
  )) {
    const chunks: Buffer[] = []
    for await (const chunk of body) chunks.push(chunk)
    read.set(member.path, { ...member, data: Buffer.concat(chunks).toString() })
  }
  return read
}

function endOf(read: Map<string, Read>): BackupEnd {
  return backupEnd(JSON.parse(read.get('end.json')?.data ?? ''), 'end.json')
}

test('the members in their order, from the first to the one that says that it is whole', async () => {
  writeFileSync(foo('app'), 'program')
  pack()
  const read = await members()
  expect([...read.keys()]).toEqual([
    ...['backup.json', 'settings.json', 'apps/foo/1.json', 'apps/foo/1', 'apps/foo/1/app'],
    ...['apps/bar/1.json', 'apps/bar/1', 'end.json'],
  ])
  const text = (path: string): string => read.get(path)?.data ?? ''
  expect(backupHead(JSON.parse(text('backup.json')), 'head')).toEqual(REQUEST.head)
  expect(text('settings.json')).toBe(REQUEST.settings)
  expect([text('apps/foo/1.json'), text('apps/foo/1/app')]).toEqual(['{"of":"foo"}\n', 'program'])
  expect(endOf(read)).toEqual({ members: 7, leftOut: [], leftOutCount: 0 })
})

test('modes, times, links of both kinds, an empty directory and a pipe', async () => {
  mkdirSync(foo('usr/empty'), { recursive: true })
  writeFileSync(foo('usr/app'), 'x'.repeat(600_000))
  chmodSync(foo('usr/app'), 0o4755)
  chmodSync(foo('usr/empty'), 0o1777)
  linkSync(foo('usr/app'), foo('usr/twin'))
  symlinkSync('/../../etc/passwd', foo('up'))
  await command('mkfifo', [foo('pipe')])
  utimesSync(foo('usr/app'), 1_500_000_000.25, 1_500_000_000.25)
  lutimesSync(foo('up'), 5, 5)
  pack()
  const read = await members()
  const names = ['apps/foo/1/usr/app', 'apps/foo/1/usr/twin']
  const [first, second] = names.map((name) => read.get(name))
  const [file, link] = first?.type === 'file' ? [first, second] : [second, first]
  expect(file).toMatchObject({ mode: 0o4755, mtime: 1_500_000_000.25, size: 600_000 })
  expect(file?.data).toBe('x'.repeat(600_000))
  expect(link).toMatchObject({ type: 'link', link: file?.path, size: 0 })
  expect(read.get('apps/foo/1/usr/empty')).toMatchObject({ type: 'directory', mode: 0o1777 })
  expect(read.get('apps/foo/1/up')).toMatchObject({
    type: 'symlink',
    link: '/../../etc/passwd',
    mtime: 5,
  })
  expect(read.get('apps/foo/1/pipe')).toMatchObject({ type: 'fifo' })
})

test('GNU tar reads it too', async () => {
  mkdirSync(foo('d'.repeat(120)))
  writeFileSync(foo(`${'d'.repeat(120)}/ü`), 'data')
  pack()
  const listed = await command('tar', ['--quoting-style=literal', '-tf', archive()])
  expect(listed).toContain(`apps/foo/1/${'d'.repeat(120)}/ü\n`)
  expect(listed).toMatch(/\nend\.json\n$/)
})

test('attributes that a restore may set', async () => {
  writeFileSync(foo('ping'), '')
  const names = ['security.capability', 'user.note', 'security.selinux', 'trusted.overlay.x', '']
  pack(undefined, {
    flistxattr: (_: number, list: Uint8Array) => Buffer.from(list.buffer).write(names.join('\0')),
    fgetxattr: (_: number, name: string, value: Uint8Array) =>
      Buffer.from(value.buffer).write(name),
  })
  const { xattrs } = (await members()).get('apps/foo/1/ping') ?? {
    xattrs: new Map<string, Buffer>(),
  }
  expect([...xattrs].map(([name, value]) => [name, value.toString()])).toEqual([
    ['security.capability', 'security.capability'],
    ['user.note', 'user.note'],
  ])
})

test('a socket is left out without a word, an odd name with one', async () => {
  const server = createServer().listen(foo('socket'))
  const odd = Buffer.concat([Buffer.from(`${foo('')}/`), Buffer.from([0x6f, 0xff])])
  writeFileSync(odd, '')
  pack()
  server.close()
  const read = await members()
  expect(read.has('apps/foo/1/socket')).toBe(false)
  expect(endOf(read)).toMatchObject({
    leftOutCount: 1,
    leftOut: [expect.stringMatching(/^apps\/foo\/1\/o.: its name is not UTF-8$/)],
  })
})

test('a file that shrinks is filled up, one that grows is cut, one that goes is left out', async () => {
  for (const name of ['shrinks', 'grows', 'goes']) writeFileSync(foo(name), 'ten bytes!')
  pack((path) => {
    if (path.endsWith('/shrinks')) truncateSync(foo('shrinks'), 3)
    if (path.endsWith('/grows')) writeFileSync(foo('grows'), 'ten bytes! and more')
    if (path === 'apps/foo/1') rmSync(foo('goes'))
  })
  const read = await members()
  expect(read.get('apps/foo/1/shrinks')?.data).toBe(`ten${'\0'.repeat(7)}`)
  expect(read.get('apps/foo/1/grows')?.data).toBe('ten bytes!')
  expect(read.has('apps/foo/1/goes')).toBe(false)
  expect(endOf(read).leftOut).toEqual(['apps/foo/1/shrinks: its last 7 bytes (it became shorter)'])
})

test('a directory that goes while it is read does not lead astray', async () => {
  mkdirSync(foo('a/b'), { recursive: true })
  writeFileSync(foo('a/b/file'), '')
  writeFileSync(foo('z'), 'last')
  pack((path) => {
    if (path.endsWith('/a/b')) rmSync(foo('a'), { recursive: true })
  })
  const read = await members()
  expect(read.get('apps/foo/1/z')?.data).toBe('last')
  expect([...read.keys()].filter((path) => path.includes('/a/b/'))).toEqual([])
  expect(read.has('end.json')).toBe(true)
})

test('a directory that a link takes the place of is not followed', () => {
  mkdirSync(foo('mine'))
  mkdirSync(join(place.path, 'chroots/secret'))
  writeFileSync(join(place.path, 'chroots/secret/key'), '')
  const seen: string[] = []
  expect(() =>
    pack((path) => {
      seen.push(path)
      if (path !== 'apps/foo/1/mine') return
      // The next look, on the way back, goes by a name that is another's now.
      renameSync(foo('mine'), join(place.path, 'chroots/moved'))
      symlinkSync('../../../secret', foo('mine'))
    }),
  ).not.toThrow()
  expect(seen.filter((path) => path.includes('key'))).toEqual([])
})

test('an app that is replaced meanwhile ends it, in words', () => {
  writeFileSync(foo('file'), '')
  const replace = (path: string): void => {
    if (path === 'apps/foo/1') renameSync(foo(''), join(place.path, 'trash'))
  }
  expect(() => pack(replace)).toThrow(
    "the app foo can't be packed: it was replaced; make the backup",
  )
  rmSync(join(place.path, 'chroots/.generations/bar/1.json'))
  mkdirSync(foo(''))
  expect(() => pack()).toThrow("the app bar can't be packed: it was replaced")
})
