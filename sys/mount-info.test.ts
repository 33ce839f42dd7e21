import { expect, test } from 'vitest'
import { parseMountInfo } from './mount-info.ts'

test('a line of mountinfo, with octal escapes and a subvolume', () => {
  const text =
    '29 1 0:27 /@/var\\040log /var\\040log rw,relatime shared:1 - btrfs /dev/sda\\0402 rw,subvol=/@\n'
  expect(parseMountInfo(text)).toEqual([
    {
      ...{ target: '/var log', fstype: 'btrfs', device: '0:27' },
      ...{ root: '/@/var log', source: '/dev/sda 2' },
    },
  ])
})
