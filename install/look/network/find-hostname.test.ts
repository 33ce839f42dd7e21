import { expect, test } from 'vitest'
import { findHostname } from './find-hostname.ts'
import { memoryFiles } from './memory-files.ts'

const KERNEL = { '/proc/sys/kernel/hostname': 'kernel\n' }
const found = (contents: Readonly<Record<string, string>>) => findHostname(memoryFiles(contents))

test("the file's name, else Red Hat's, else the kernel's", () => {
  const redHat = { '/etc/sysconfig/network': 'NETWORKING=yes\nHOSTNAME="old.example.net"\n' }
  const file = { '/etc/hostname': '\n# comment\n  web1 \n' }
  expect(found({ ...KERNEL, ...redHat, ...file }).hostname).toBe('web1')
  expect(found({ ...KERNEL, ...redHat, '/etc/hostname': 'localhost\n' }).hostname).toBe(
    'old.example.net',
  )
  expect(found(KERNEL)).toEqual({ hostname: 'kernel', warnings: [] })
  expect(found({ '/proc/sys/kernel/hostname': '(none)\n' })).toEqual({
    hostname: null,
    warnings: [],
  })
})

test('a name that a node does not take is not taken', () => {
  for (const name of ['a_b', '-a', 'a'.repeat(65), 'a..b']) {
    expect(found({ ...KERNEL, '/etc/hostname': name })).toEqual({
      hostname: null,
      warnings: [expect.stringContaining('is not one that a node takes')],
    })
  }
})
