import { expect, test } from 'vitest'
import type { BlockDevice } from './block-devices.ts'
import { findDevice, namesDevice, needsScan } from './find-device.ts'

const none = { content: null, partUuid: '', partLabel: '', mapperName: '', ids: [] }
const devices: BlockDevice[] = [
  {
    ...{ ...none, path: '/dev/vda1', partUuid: '0badcafe-01', partLabel: 'my boot' },
    content: { fstype: 'ext4', uuid: '0a1b2c3d-1111-4222-8333-444455556666', label: 'data' },
  },
  { ...none, path: '/dev/vda2', content: { fstype: 'vfat', uuid: '1A2B-3C4D', label: 'a b' } },
  { ...none, path: '/dev/dm-0', mapperName: 'vg--x-home' },
  { ...none, path: '/dev/sdb', ids: ['scsi-0HC_Volume_1234'] },
]
const find = (source: string) =>
  findDevice(source, devices, (path) => ['/dev/vda1', '/swapfile'].includes(path))

test.each([
  ['/dev/vda1', ['/dev/vda1']],
  ['/dev/vdz1', []],
  ['UUID=0A1B2C3D-1111-4222-8333-444455556666', ['/dev/vda1']],
  ['UUID="1a2b-3c4d"', ['/dev/vda2']],
  ['LABEL=data', ['/dev/vda1']],
  ['LABEL=DATA', []],
  ['LABEL=', []],
  ['UUID=', []],
  ['PARTUUID=0BADCAFE-01', ['/dev/vda1']],
  ['PARTLABEL=my boot', ['/dev/vda1']],
  ['/dev/disk/by-uuid/1A2B-3C4D', ['/dev/vda2']],
  [String.raw`/dev/disk/by-label/a\x20b`, ['/dev/vda2']],
  ['/dev/disk/by-id/scsi-0HC_Volume_1234', ['/dev/sdb']],
  ['/dev/disk/by-path/pci-0000:00:05.0', []],
  ['/dev/mapper/vg--x-home', ['/dev/dm-0']],
  ['/dev/vg-x/home', ['/dev/dm-0']],
  ['/dev/vg/x-home', []],
  ['/swapfile', ['/swapfile']],
])('%s', (source, paths) => {
  expect(find(source)).toEqual(paths)
})

test('two devices of one name are both told', () => {
  const [first] = devices
  const twice = [...devices, { ...(first ?? { ...none, path: '' }), path: '/dev/vdb1' }]
  expect(findDevice('LABEL=data', twice, () => false)).toEqual(['/dev/vda1', '/dev/vdb1'])
})

test('a path needs no look at all devices', () => {
  expect(['/dev/vda1', '/swapfile', 'tmpfs'].map(needsScan)).toEqual([false, false, false])
  expect(['UUID=1', '/dev/disk/by-id/x', '/dev/vg/home'].map(needsScan)).toEqual([true, true, true])
  expect(['proc', 'host:/export', '//host/share', '/srv/data'].map(namesDevice)).not.toContain(true)
})
