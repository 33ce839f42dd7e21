import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { scanBlockDevices } from './block-devices.ts'
import { makeWith } from '../../test/disk-fixtures.ts'

let root: string
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'solocloud-devices-'))))
afterEach(() => rmSync(root, { recursive: true }))

function put(path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content)
}

/** A device as sysfs shows it: its directory below its disk's, and a link to that. */
function device(name: string, about: Record<string, string | Buffer> = {}, disk = ''): void {
  const home = join('devices', disk, name)
  const file = join(root, 'dev', name.replaceAll('!', '/'))
  const size = String((statSync(file, { throwIfNoEntry: false })?.size ?? 0) / 512)
  put(join(home, 'size'), `${size}\n`)
  for (const [path, content] of Object.entries(about)) put(join(home, path), content)
  mkdirSync(join(root, 'class'), { recursive: true })
  symlinkSync(join(root, home), join(root, 'class', name))
}

const dev = (name: string): string => join(root, 'dev', name)
const scan = () => scanBlockDevices({ sys: join(root, 'class'), dev: join(root, 'dev') })

test('a disk and its partitions, with what is in them and in the table', () => {
  put('dev/vda', '')
  makeWith(
    dev('vda'),
    8,
    ['sfdisk', '-q'],
    'label: gpt\nsize=1M, name="boot"\nsize=2M, name="home"',
  )
  const uuid = '0a1b2c3d-1111-4222-8333-444455556666'
  makeWith(dev('vda2'), 2, ['mke2fs', '-q', '-t', 'ext4', '-L', 'data', '-U', uuid])
  put('dev/vda1', Buffer.alloc(1024 ** 2))
  device('vda', { serial: 'volume one', 'queue/logical_block_size': '512\n' })
  device('vda1', { partition: '1\n' }, 'vda')
  device('vda2', { partition: '2\n' }, 'vda')
  expect(scan()).toMatchObject([
    { path: dev('vda'), content: null, partUuid: '', ids: ['virtio-volume_one'] },
    { path: dev('vda1'), content: null, partLabel: 'boot', ids: ['virtio-volume_one-part1'] },
    {
      ...{ path: dev('vda2'), partLabel: 'home', ids: ['virtio-volume_one-part2'] },
      content: { fstype: 'ext4', uuid, label: 'data' },
    },
  ])
  expect(scan()[2]?.partUuid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
})

test('the device mapper’s name; what another device is made of holds nothing itself', () => {
  put('dev/sda', '')
  makeWith(dev('sda'), 1, ['mkswap'])
  makeWith(dev('dm-0'), 1, ['mkswap', '-L', 'swap'])
  device('sda', { 'holders/md0/x': '' })
  device('dm-0', { 'dm/name': 'vg-swap\n' })
  expect(scan()).toMatchObject([
    { path: dev('dm-0'), mapperName: 'vg-swap', content: { fstype: 'swap', label: 'swap' } },
    { path: dev('sda'), mapperName: '', content: null },
  ])
})

test('hosters’ names for volumes: SCSI and NVMe', () => {
  put('dev/sda', Buffer.alloc(512))
  put('dev/nvme0n1', Buffer.alloc(512))
  const descriptor = (head: number[], text: string) =>
    Buffer.from([...head, 0, text.length, ...Buffer.from(text)])
  const page = Buffer.concat([
    Buffer.from([0, 0x83, 0, 99]),
    descriptor([1, 3], '12345678'),
    descriptor([2, 0], 'volume-nyc1-01'),
  ])
  device('sda', {
    ...{ 'device/vendor': 'DO      \n', 'device/model': 'Volume          \n' },
    'device/vpd_pg83': page,
  })
  const model = 'Amazon Elastic Block Store              \n'
  device('nvme0n1', { 'device/model': model, 'device/serial': 'vol0123 \n' })
  expect(scan().map(({ ids }) => ids)).toEqual([
    ['nvme-Amazon_Elastic_Block_Store_vol0123'],
    ['scsi-0DO_Volume_volume-nyc1-01'],
  ])
  // Cut off anywhere, it has fewer names.
  for (let length = 0; length < page.length; length++) {
    put('devices/sda/device/vpd_pg83', page.subarray(0, length))
    expect(scan().flatMap(({ ids }) => ids).length).toBeLessThanOrEqual(2)
  }
})

test('empty drives, memory and floppies are not looked at; what can’t be opened has no content', () => {
  put('dev/cciss/c0d0', Buffer.alloc(512))
  for (const name of ['loop0', 'ram0', 'zram0', 'fd0', 'sr0']) {
    put(`dev/${name}`, Buffer.alloc(512))
    device(name)
  }
  device('cciss!c0d0')
  put('dev/vdb', Buffer.alloc(512))
  device('vdb')
  rmSync(dev('vdb'))
  device('vdc')
  expect(scan()).toMatchObject([
    { path: dev('cciss/c0d0'), content: null },
    { path: dev('vdb'), content: null },
  ])
})
