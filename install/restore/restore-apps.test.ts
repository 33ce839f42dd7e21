import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  fakeSystem,
  type FixtureMember,
  tarOf,
  TempDir,
} from '../../chroot-runner/unpack/fixture.ts'
import type { BackupHead } from '../../protocol/backup.ts'
import { InstallError } from '../errors.ts'
import { lookBackup } from './look-backup.ts'
import { restoreApps } from './restore-apps.ts'

let place: TempDir
beforeEach(() => {
  place = new TempDir()
})
afterEach(() => place[Symbol.dispose]())

const at = (path: string): string => join(place.path, path)
const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
const digest = `sha256:${'1'.repeat(64)}`

const HEAD: BackupHead = {
  version: 1,
  createdAt: '2026-01-02T03:04:05.000Z',
  node: { version: '0.1.0', hostname: 'old-vps', architecture: 'amd64' },
  apps: [
    { name: 'ssh', digest, version: null },
    { name: 'foo', digest, version: '1.0' },
  ],
}
const SETTINGS = {
  'solocloud.hostname': 'old-vps',
  'solocloud.group': '999',
  'solocloud.network': '{}',
  'solocloud.dns': '192.0.2.1',
}

const file = (name: string, data: string, mode = 0o644): FixtureMember => ({
  ...{ name, data, mode },
  ...owner,
})
const directory = (name: string, mode = 0o755): FixtureMember => ({
  ...{ name, mode, type: '5' },
  ...owner,
})
const end = (members: number): FixtureMember =>
  file('end.json', JSON.stringify({ members, leftOut: ['apps/foo/1/x: no'], leftOutCount: 1 }))

const START = [
  file('backup.json', JSON.stringify(HEAD)),
  file('settings.json', JSON.stringify(SETTINGS)),
]
const SSH = [
  file('apps/ssh/1.json', `{"digest":"${digest}"}`),
  directory('apps/ssh/1'),
  file('apps/ssh/1/sshd', 'program', 0o4755),
  { ...file('apps/ssh/1/twin', ''), type: '1', link: 'apps/ssh/1/sshd' },
  { ...file('apps/ssh/1/up', ''), type: '2', link: '../../../etc/passwd' },
]
const FOO = [
  file('apps/foo/1.json', `{"digest":"${digest}"}`),
  directory('apps/foo/1', 0o700),
  directory('apps/foo/1/data', 0o1777),
]
const WHOLE = [...START, ...SSH, ...FOO, end(10)]

function archive(members: FixtureMember[], pack = (tar: Buffer): Buffer => tar): string {
  writeFileSync(at('node.tar'), pack(tarOf(...members)))
  mkdirSync(at('chroots'), { recursive: true })
  return at('node.tar')
}

async function restore(members: FixtureMember[], pack?: (tar: Buffer) => Buffer) {
  const path = archive(members, pack)
  return restoreApps(await lookBackup(path), at('chroots'), fakeSystem())
}

test('what stands at the beginning, without what is of the place', async () => {
  expect(await lookBackup(archive(WHOLE))).toEqual({
    path: at('node.tar'),
    bytes: statSync(at('node.tar')).size,
    head: HEAD,
    settings: { 'solocloud.hostname': 'old-vps', 'solocloud.group': '999' },
    hasSsh: true,
  })
})

test.each([
  ['plain', (tar: Buffer) => tar],
  ['gzip', (tar: Buffer) => gzipSync(tar)],
  ['zstd', (tar: Buffer) => zstdCompressSync(tar)],
])('apps as first generations: %s', async (_, pack) => {
  const { leftOut } = await restore(WHOLE, pack)
  expect(leftOut).toEqual(['apps/foo/1/x: no'])
  const generations = at('chroots/.generations')
  expect(readlinkSync(at('chroots/ssh'))).toBe('.generations/ssh/1')
  expect(readFileSync(at('chroots/ssh/sshd'), 'utf8')).toBe('program')
  expect(statSync(at('chroots/ssh/twin')).ino).toBe(statSync(at('chroots/ssh/sshd')).ino)
  expect(statSync(at('chroots/ssh/sshd')).mode & 0o7777).toBe(0o4755)
  expect(lstatSync(at('chroots/ssh/up')).isSymbolicLink()).toBe(true)
  expect(statSync(`${generations}/foo/1`).mode & 0o7777).toBe(0o700)
  expect(statSync(`${generations}/foo/1/data`).mode & 0o7777).toBe(0o1777)
  expect(JSON.parse(readFileSync(`${generations}/foo/1.json`, 'utf8'))).toEqual({ digest })
  expect(readdirSync(`${generations}/foo`).toSorted()).toEqual(['1', '1.json'])
})

const other = (change: Partial<BackupHead>): FixtureMember =>
  file('backup.json', JSON.stringify({ ...HEAD, ...change }))
const settings = START.slice(1)

const DAMAGED: readonly [string, FixtureMember[], string][] = [
  ['an image', [file('image.json', '{}')], 'is not a backup of a node: it has no backup.json'],
  ['nothing', [], 'this is not an image'],
  ['another form', [other({ version: 2 as 1 }), ...settings], 'of another version of solocloud'],
  ['no JSON', [file('backup.json', '{'), ...settings], 'its backup.json is no JSON'],
  [
    'a name with a slash',
    [other({ apps: [{ name: '../x', digest, version: null }] }), ...settings],
    'an app whose name no app can have',
  ],
  ['cut short', [...START, ...SSH], 'it is cut short: make the backup again'],
  ['members lost', [...START, ...SSH, end(10)], 'it has 7 of its 10 members'],
  ['an app missing', [...START, ...SSH, end(7)], 'it lacks the app foo'],
  ['something else', [...START, file('apps/bar/1/x', '')], 'which is of none of its apps'],
  ['another generation', [...START, file('apps/foo/2/x', '')], 'which is of none of its apps'],
  ['a way out', [...START, file('apps/foo/1/../../x', '')], 'leads out of the image'],
  [
    'a link out',
    [...START, ...FOO, { ...file('apps/foo/1/l', ''), type: '1', link: 'apps/ssh/1/sshd' }],
    'is a hard link out of its app',
  ],
  ['an app twice', [...START, ...FOO, ...SSH, file('apps/foo/1/y', '')], 'the app foo twice'],
  ['more after the end', [...WHOLE, file('more', '')], 'it goes on after its end'],
]
test.each(DAMAGED)('%s', async (_, members, sentence) => {
  const failure = await restore(members).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(InstallError)
  expect((failure as Error).message).toContain(sentence)
  expect(existsSync(at('chroots/foo'))).toBe(false)
})

test('what is no archive at all, or not there', async () => {
  writeFileSync(at('text'), 'x'.repeat(2000))
  await expect(lookBackup(at('text'))).rejects.toThrow(InstallError)
  await expect(lookBackup(at('nothing'))).rejects.toThrow("nothing can't be restored: ENOENT")
  const xz = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0, 0, 0])
  writeFileSync(at('packed'), xz)
  await expect(lookBackup(at('packed'))).rejects.toThrow('unpack it first, with xz -d')
})
