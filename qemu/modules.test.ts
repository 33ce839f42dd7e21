import { expect, test } from 'vitest'
import { loadOrder } from './modules.ts'

const dep = [
  'kernel/net/core/failover.ko:',
  'kernel/drivers/net/net_failover.ko: kernel/net/core/failover.ko',
  'kernel/drivers/virtio/virtio.ko:',
  'kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko kernel/drivers/virtio/virtio.ko',
  'kernel/drivers/char/hw_random/virtio-rng.ko: kernel/drivers/virtio/virtio.ko',
  '',
].join('\n')
const builtin = 'kernel/fs/ext4/ext4.ko\n'

test('dependencies come first and nothing twice', () => {
  expect(loadOrder(dep, builtin, ['virtio_net', 'virtio_rng'])).toEqual([
    'kernel/drivers/virtio/virtio.ko',
    'kernel/net/core/failover.ko',
    'kernel/drivers/net/net_failover.ko',
    'kernel/drivers/net/virtio_net.ko',
    'kernel/drivers/char/hw_random/virtio-rng.ko',
  ])
})

test('what is built in needs no file, what is neither is an error', () => {
  expect(loadOrder(dep, builtin, ['ext4'])).toEqual([])
  expect(() => loadOrder(dep, builtin, ['floppy'])).toThrow('no kernel module floppy')
})
