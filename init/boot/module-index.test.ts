import { expect, test } from 'vitest'
import {
  loadOrder,
  matches,
  matchingModules,
  moduleName,
  parseAliases,
  parseDependencies,
} from './module-index.ts'

test('what a module needs is loaded first', () => {
  const files = parseDependencies(
    [
      'kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko',
      'kernel/drivers/acpi/button.ko:',
      '',
    ].join('\n'),
  )
  expect(loadOrder(files, 'virtio_net')).toEqual([
    'kernel/net/core/failover.ko',
    'kernel/drivers/net/net_failover.ko',
    'kernel/drivers/net/virtio_net.ko',
  ])
  expect(loadOrder(files, 'button')).toEqual(['kernel/drivers/acpi/button.ko'])
  expect(loadOrder(files, 'missing')).toEqual([])
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
