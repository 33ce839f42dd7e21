import { expect, test } from 'vitest'
import { fileSystemModules } from './file-system-modules.ts'

const known = 'nodev\tproc\n\text4\n\tvfat\n'
const sets = ['nls_cp437', 'nls_ascii', 'nls_iso8859_1', 'nls_utf8']

test('what the kernel has needs nothing more, but for vfat’s character sets', () => {
  expect(fileSystemModules('ext4', '', known)).toEqual([])
  expect(fileSystemModules('xfs', '', known)).toEqual(['fs-xfs'])
  expect(fileSystemModules('vfat', 'umask=0077', known)).toEqual(sets)
  expect(fileSystemModules('vfat', 'codepage=850,iocharset=koi8-r', '')).toEqual([
    ...['fs-vfat', ...sets, 'nls_cp850', 'nls_koi8-r'],
  ])
})
