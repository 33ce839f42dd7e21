// What fstab has beside the root: /var, a volume and swap on a disk behind a controller that only kernel modules
// packed with xz make work.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { command } from '../../qemu/command.ts'
import { checkDisk, needsRecovery, readFileOnDisk } from '../../qemu/disk.ts'
import { nodeStatus } from '../../protocol/wire.ts'
import { cloudJson } from '../run-cloud.ts'
import { Guest } from './guest.ts'

const MIB = 1024 ** 2
const VAR_UUID = '0a1b2c3d-1111-4222-8333-444455556666'
const VOLUME = 'volume-one'
const ANSWER_MS_MAX = 60_000

/** QEMU's vendor and model. */
const BY_ID = `/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_${VOLUME}-part3`
const FSTAB = `# <file system> <mount point> <type> <options> <dump> <pass>
/dev/vda / ext4 errors=remount-ro 0 1
UUID=${VAR_UUID} /var xfs defaults,noatime 0 2
PARTLABEL=more\\040swap none swap sw,pri=7 0 0
/swapfile none swap sw 0 0
${BY_ID} /srv/volume ext4 defaults,nofail,x-systemd.device-timeout=5 0 2
UUID=0000-0000 /boot/efi vfat umask=0077,nofail 0 1
`

const directory = mkdtempSync(join(tmpdir(), 'solocloud-other-disks-'))
afterAll(() => rmSync(directory, { recursive: true }))

const tool = (...words: string[]): Promise<string> => {
  const [file = '', ...args] = words
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`
  return command(file, args, { env: { ...process.env, PATH: path } })
}

/** A file that the words make a file system or swap space of. */
async function make(name: string, sizeMb: number, ...words: string[]): Promise<string> {
  const path = join(directory, name)
  await tool('truncate', '-s', `${sizeMb}M`, path)
  await tool(...words, path)
  return path
}

/** A GPT disk with these partitions, from 1 MiB on. */
async function makeDisk(parts: { path: string; sizeMb: number; label: string }[]): Promise<string> {
  const path = join(directory, 'volume')
  const table = parts.map(({ sizeMb, label }) => `size=${sizeMb}M, name="${label}"`)
  writeFileSync(join(directory, 'table'), ['label: gpt', ...table, ''].join('\n'))
  const total = parts.reduce((sum, { sizeMb }) => sum + sizeMb, 2)
  await tool('truncate', '-s', `${total}M`, path)
  await tool('sh', '-c', `sfdisk -q "$0" < "$1"`, path, join(directory, 'table'))
  let startMb = 1
  for (const part of parts) {
    const words = [`if=${part.path}`, `of=${path}`, 'bs=1M', `seek=${startMb}`]
    await tool('dd', ...words, 'conv=sparse,notrunc', 'status=none')
    startMb += part.sizeMb
  }
  return path
}

/** Without holes, which the kernel refuses in a swap file. */
async function makeSwapFile(): Promise<string> {
  const path = join(directory, 'swapfile')
  writeFileSync(path, Buffer.alloc(16 * MIB, 1))
  await tool('mkswap', path)
  return path
}

test('the state lies on the other disk, and everything is unmounted at the end', async () => {
  const volume = await makeDisk([
    {
      ...{ sizeMb: 320, label: 'var' },
      path: await make('var', 320, 'mkfs.xfs', '-q', '-m', `uuid=${VAR_UUID}`),
    },
    { sizeMb: 16, label: 'more swap', path: await make('swap', 16, 'mkswap') },
    { sizeMb: 16, label: 'srv', path: await make('srv', 16, 'mke2fs', '-q', '-t', 'ext4') },
  ])
  writeFileSync(join(directory, 'fstab'), FSTAB)
  await using guest = await Guest.make(undefined, {
    files: { 'etc/fstab': join(directory, 'fstab'), swapfile: await makeSwapFile() },
    ...{ modules: ['virtio_scsi', 'sd_mod', 'xfs'], packsModules: true },
  })
  await using vps = await guest.start({ volumes: [{ path: volume, name: VOLUME }] })
  const { console } = vps
  expect(console.text).toMatch(/XFS \(sda1\): Ending clean mount/)
  expect(console.text).toMatch(/Adding 16380k swap on \/dev\/sda2\. +Priority:7 /)
  expect(console.text).toMatch(/Adding 16380k swap on \/swapfile\. /)
  // What may be missing comes once everything else is there.
  await console.waitFor(/EXT4-fs \(sda3\): mounted filesystem/, ANSWER_MS_MAX)
  expect(nodeStatus(await cloudJson('node', vps.manage), 'node').degraded).toEqual([])
  await console.waitFor(/network: eth0 \S+ by DHCP/, ANSWER_MS_MAX)

  expect(await vps.powerOff()).toMatchObject({ reason: 'guest-shutdown', code: 0 })
  expect(console.text).toMatch(/XFS \(sda1\): Unmounting Filesystem/)
  expect(await needsRecovery(guest.disk)).toBe(false)
  await checkDisk(guest.disk)
  expect(await readFileOnDisk(guest.disk, '/var/lib/solocloud/state.db')).toBe('')
  const after = join(directory, 'var-after')
  await tool('dd', `if=${volume}`, `of=${after}`, 'bs=1M', 'skip=1', 'count=320', 'status=none')
  // It fails at a log that was not written back, and at any damage.
  await tool('xfs_repair', '-n', '-f', after)
})
