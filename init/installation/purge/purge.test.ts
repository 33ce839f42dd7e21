import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Purged, PurgeProgress } from '../../../protocol/api.ts'
import type { Installation } from '../../../protocol/installation.ts'
import { pick, seeded } from '../../../test/seeded.ts'
import { purge } from './purge.ts'

const RECORD: Installation = {
  version: 1,
  method: 'grub',
  state: 'purging',
  installedAt: '2026-01-02T03:04:05Z',
  file: '/sbin/solocloud',
  trialMs: 1,
  once: [],
  permanent: [
    {
      path: '/etc/boot/menu.lst',
      before: { kind: 'absent' },
      after: { kind: 'link', target: 'there' },
    },
  ],
  created: ['/sbin/solocloud', '/chroots', '/var/lib/solocloud'],
  purge: { onConfirm: false, keep: ['/home/me/photos', '/opt/link'] },
}
const KEPT = [
  ...[
    '/boot/vmlinuz',
    '/boot/grub/grub.cfg',
    '/usr/sbin/solocloud',
    '/usr/sbin/solocloud.previous',
  ],
  ...['/usr/lib/modules/6.1/kernel/a.ko', '/usr/lib/firmware/b.bin', '/usr/lib/os-release'],
  ...['/etc/fstab', '/var/lib/solocloud/state.db', '/chroots/.generations/ssh/1/bin/sshd'],
  ...['/home/me/photos/1.jpg', '/srv/linked/deep/file', '/swapfile', '/lost+found/#1'],
  ...['/etc/boot/menu.lst', '/images/disk.img', '/mnt/nas/mounted', '/var/spool/mounted/x'],
]
const REMOVED = [
  ...['/usr/bin/bash', '/usr/lib/systemd/systemd', '/usr/sbin/sshd', '/usr/lib/x86_64/libc.so.6'],
  ...['/etc/passwd', '/etc/ssh/sshd_config', '/var/log/syslog', '/var/lib/dpkg/status'],
  ...['/home/me/.bashrc', '/home/you/file', '/root/.ssh/authorized_keys', '/opt/app/run', '/top'],
  ...['/srv/other', '/var/spool/cron/root', '/mnt/nas-old/file'],
]
let place: string
let root: string

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'purge-'))
  root = join(place, 'root')
  for (const path of [...KEPT, ...REMOVED]) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    writeFileSync(join(root, path), path)
  }
  for (const path of ['dev', 'proc', 'sys', 'run', 'tmp', 'media/cdrom'])
    mkdirSync(join(root, path), { recursive: true })
  for (const name of ['bin', 'sbin', 'lib']) symlinkSync(`usr/${name}`, join(root, name))
  symlinkSync('boot/vmlinuz', join(root, 'vmlinuz'))
  symlinkSync('/srv/linked', join(root, 'opt/link'))
  symlinkSync('../lib/systemd/systemd', join(root, 'usr/sbin/init'))
  symlinkSync('../usr/lib/os-release', join(root, 'etc/os-release'))
  writeFileSync(
    join(root, 'etc/fstab'),
    '/dev/sda1 / ext4\n/swapfile none swap\n/images/disk.img /mnt/disk ext4 loop\n',
  )
  mounted('/', '/mnt/nas', '/var/spool/mounted')
})
afterEach(() => rmSync(place, { recursive: true, force: true }))

function mounted(...targets: string[]): void {
  const lines = targets.map((path, i) => `${i} 1 8:1 / ${path} rw - ext4 /dev/sda1 rw\n`)
  writeFileSync(join(place, 'mountinfo'), lines.join(''))
}

interface Cut {
  /** Ends the purge at this removal. */
  at?: number
  record?: Partial<Installation>
}

function run({ at = Number.POSITIVE_INFINITY, record = {} }: Cut = {}): Promise<Purged> {
  const end = new AbortController()
  let looks = 0
  const signal = new Proxy(end.signal, {
    get: (target, name) =>
      name === 'throwIfAborted'
        ? () => {
            if (++looks >= at) end.abort(new Error('power cut'))
            target.throwIfAborted()
          }
        : (Reflect.get(target, name, target) as unknown),
  })
  const told: PurgeProgress[] = []
  return purge(
    { root, mountInfo: join(place, 'mountinfo') },
    { record: { ...RECORD, ...record }, tell: (event) => told.push(event), signal },
  )
}

const there = (paths: readonly string[]): string[] =>
  paths.filter((path) => lstatSync(join(root, path), { throwIfNoEntry: false }) !== undefined)

test('the old userland goes; what boots, what is ours and what is named stays', async () => {
  const { entries, left, leftCount, otherMounts } = await run()
  expect(there(KEPT)).toEqual(KEPT)
  expect(there(REMOVED)).toEqual([])
  expect({ left, leftCount, otherMounts }).toEqual({
    ...{ left: [], leftCount: 0, otherMounts: ['/mnt/nas', '/var/spool/mounted'] },
  })
  expect(entries).toBeGreaterThan(REMOVED.length)
  expect(readdirSync(root).sort()).toEqual(
    [
      ...[
        'bin',
        'boot',
        'chroots',
        'dev',
        'etc',
        'home',
        'images',
        'lib',
        'lost+found',
        'mnt',
        'opt',
      ],
      ...['proc', 'run', 'sbin', 'srv', 'swapfile', 'sys', 'tmp', 'usr', 'var', 'vmlinuz'],
    ].sort(),
  )
  expect(there(['/etc/os-release', '/opt/link', '/media', '/usr/bin', '/usr/lib/systemd'])).toEqual(
    [...['/etc/os-release', '/opt/link']],
  )
  expect((await run()).entries).toBe(0)
})

test('every name that something starts leads to the node before anything goes', async () => {
  await expect(run({ at: 1 })).rejects.toThrow('power cut')
  for (const name of ['init', 'halt', 'reboot', 'poweroff'])
    expect(readlinkSync(join(root, 'sbin', name))).toBe('solocloud')
})

test('a node that is /sbin/init itself stays that', async () => {
  rmSync(join(root, 'usr/sbin/init'))
  writeFileSync(join(root, 'usr/sbin/init'), 'the file')
  await run({ record: { file: '/sbin/init' } })
  expect(lstatSync(join(root, 'usr/sbin/init')).isFile()).toBe(true)
  expect(readlinkSync(join(root, 'usr/sbin/poweroff'))).toBe('init')
})

test('a separate /usr and /var of the own disks go too, and others do not', async () => {
  mounted('/', '/usr', '/var', '/mnt/nas', '/var/spool/mounted')
  await run()
  expect(there(['/usr/bin/bash', '/var/log/syslog'])).toHaveLength(2)
  const fstab = '/dev/sda1 / ext4\nUUID=12 /usr ext4\nnas:/var /var nfs\n/swapfile none swap\n'
  writeFileSync(join(root, 'etc/fstab'), fstab)
  const { otherMounts } = await run()
  expect(there(['/usr/bin/bash', '/var/log/syslog'])).toEqual(['/var/log/syslog'])
  expect(there(KEPT.filter((path) => path !== '/images/disk.img'))).toHaveLength(KEPT.length - 1)
  expect(otherMounts).toContain('/var')
})

test('names that are not UTF-8, and a file for which a directory was expected', async () => {
  const odd = Buffer.concat([Buffer.from(`${root}/etc/`), Buffer.from([0xff, 0xc3])])
  mkdirSync(odd)
  rmSync(join(root, 'home'), { recursive: true })
  writeFileSync(join(root, 'home'), '')
  await run()
  expect(readdirSync(join(root, 'etc')).sort()).toEqual(['boot', 'fstab', 'os-release'])
})

test('what has no rights is removed all the same', async () => {
  chmodSync(join(root, 'opt/app'), 0)
  await run()
  expect(existsSync(join(root, 'opt/app'))).toBe(false)
})

test.runIf(process.getuid?.() === 0)('what is immutable is told, and the rest goes', async () => {
  const fixed = ['/etc/ssh/sshd_config', '/var/log']
  const change = (flag: string) =>
    execFileSync('chattr', [flag, ...fixed.map((path) => join(root, path))])
  change('+i')
  try {
    const { left, leftCount } = await run()
    const reason = 'it is immutable (chattr +i)'
    expect(left.sort((a, b) => a.path.localeCompare(b.path))).toEqual([
      { path: '/etc/ssh/sshd_config', reason },
      { path: '/var/log', reason },
      { path: '/var/log/syslog', reason },
    ])
    expect(leftCount).toBe(3)
    expect(there(REMOVED)).toEqual(['/etc/ssh/sshd_config', '/var/log/syslog'])
    expect(there(KEPT)).toEqual(KEPT)
  } finally {
    change('-i')
  }
  await run()
  expect(there(REMOVED)).toEqual([])
})

/** A tree that nobody has thought of: directories, files, and links to anywhere in it. */
function grow(random: () => number): void {
  const directories = ['/etc', '/usr/lib', '/var/lib', '/home/me', '/srv', '/opt']
  for (let i = 0; i < 60; i++) {
    const path = `${pick(directories, random)}/random-${i}`
    const kind = pick(['directory', 'link', 'file', 'file'], random)
    if (kind === 'directory') {
      mkdirSync(join(root, path), { recursive: true })
      directories.push(path)
    } else if (kind === 'link') {
      const target = pick([...KEPT, ...REMOVED, ...directories], random)
      symlinkSync(pick([target, `..${target}`], random), join(root, path))
    } else writeFileSync(join(root, path), path)
  }
}

test('wherever it is cut off, what is kept is there, and the next run ends it', async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = seeded(seed)
    grow(random)
    for (const path of REMOVED) {
      mkdirSync(join(root, dirname(path)), { recursive: true })
      writeFileSync(join(root, path), '')
    }
    const at = 1 + Math.floor(random() * 90)
    const cut = await run({ at }).catch((error: unknown) => error)
    const told = `seed ${seed}, cut at ${at}: ${String(cut)}`
    expect(there(KEPT), told).toEqual(KEPT)
    await run()
    expect([there(KEPT), there(REMOVED)], told).toEqual([KEPT, []])
    expect(readdirSync(join(root, 'usr/lib')).sort(), told).toEqual([
      'firmware',
      'modules',
      'os-release',
    ])
  }
}, 60_000)
