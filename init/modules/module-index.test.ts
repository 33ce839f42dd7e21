import { expect, test } from 'vitest'
import {
  loadOrder,
  matches,
  matchingModules,
  moduleName,
  moduleParameters,
  modulesOf,
  parseAliases,
  parseBuiltin,
  parseDependencies,
  parseSoftDependencies,
} from './module-index.ts'

function index(text: { dep?: string; softdep?: string; builtin?: string; alias?: string }) {
  return {
    files: parseDependencies(text.dep ?? ''),
    soft: parseSoftDependencies(text.softdep ?? ''),
    builtin: parseBuiltin(text.builtin ?? ''),
    aliases: text.alias ?? '',
  }
}

test('what a module needs is loaded first', () => {
  const modules = index({
    dep: [
      'kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko',
      'kernel/drivers/acpi/button.ko:',
      '',
    ].join('\n'),
  })
  expect(loadOrder(modules, 'virtio_net')).toEqual([
    'kernel/net/core/failover.ko',
    'kernel/drivers/net/net_failover.ko',
    'kernel/drivers/net/virtio_net.ko',
  ])
  expect(loadOrder(modules, 'button')).toEqual(['kernel/drivers/acpi/button.ko'])
  expect(loadOrder(modules, 'missing')).toEqual([])
})

test('so is what it wants without a symbol of it: by name, by alias, in circles, or not at all', () => {
  const modules = index({
    dep: [
      'kernel/fs/btrfs/btrfs.ko.xz: kernel/lib/libcrc32c.ko.xz',
      'kernel/lib/libcrc32c.ko.xz:',
      'kernel/crypto/xxhash_generic.ko.xz:',
      'kernel/arch/crc32c-intel.ko.xz:',
      'kernel/crypto/crc32c_generic.ko.xz:',
      'kernel/late.ko.xz:',
    ].join('\n'),
    softdep: [
      '# Soft dependencies extracted from modules themselves.',
      'softdep libcrc32c pre: crc32c',
      'softdep btrfs pre: xxhash-generic blake2b-256 post: late',
      'softdep btrfs pre: sha256',
      'softdep xxhash_generic pre: btrfs',
    ].join('\n'),
    builtin: 'kernel/crypto/sha256.ko\n',
    alias: 'alias crc32c crc32c_generic\nalias crc32c crc32c_intel\nalias sha256 xxhash_generic\n',
  })
  expect(loadOrder(modules, 'btrfs').map(moduleName)).toEqual([
    ...['crc32c_generic', 'crc32c_intel', 'libcrc32c', 'xxhash_generic', 'btrfs'],
  ])
})

test('a name means itself, or what has it for an alias, or nothing that is a file', () => {
  const modules = index({
    dep: 'kernel/fs/xfs/xfs.ko:\n',
    builtin: 'kernel/fs/ext4/ext4.ko\n',
    alias: 'alias fs-xfs xfs\nalias fs-ext4 xfs\nalias x alias fs-btrfs b\nalias fs-btrfs btrfs',
  })
  expect(modulesOf(modules, 'xfs')).toEqual(['xfs'])
  expect(modulesOf(modules, 'fs-xfs')).toEqual(['xfs'])
  expect(modulesOf(modules, 'fs-btrfs')).toEqual(['btrfs'])
  expect(modulesOf(modules, 'ext4')).toEqual([])
  expect(modulesOf(modules, 'zfs')).toEqual([])
})

test('parameters come from the command line, under either spelling', () => {
  const line = 'quiet nvme_core.io_timeout=60 nvme-core.note="a b" nvme.x=1 init=/a nvme_core.\n'
  expect(moduleParameters(line, 'nvme_core')).toBe('io_timeout=60 note="a b"')
  expect(moduleParameters(line, 'nvme')).toBe('x=1')
  expect(moduleParameters(line, 'init')).toBe('')
})

test('names', () => {
  expect(moduleName('kernel/drivers/net/xen-netfront.ko.zst')).toBe('xen_netfront')
})

test('a device finds its drivers among the aliases', () => {
  const text =
    '# Aliases\nalias virtio:d00000001v* virtio_net\nalias virtio:d00000002v* virtio_blk\n' +
    'alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci\n'
  const devices = [
    'virtio:d00000001v00001AF4',
    'pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00',
  ]
  expect(matchingModules(parseAliases(text), devices)).toEqual(['virtio_net', 'virtio_pci'])
})

test.each([
  ['abc', 'abc', true],
  ['abc', 'abcd', false],
  ['a*c', 'abbc', true],
  ['a*c*', 'abbcd', true],
  ['a*b', 'aab', true],
  ['a*b', 'aabc', false],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['usb:v0[1-3]*', 'usb:v02p1', true],
  ['usb:v0[1-3]*', 'usb:v04p1', false],
  ['x[ac]', 'xc', true],
  ['x[', 'x[', false],
  ['*', '', true],
  ['', '', true],
])('%s on %s', (pattern, text, expected) => {
  expect(matches(pattern, text)).toBe(expected)
})
