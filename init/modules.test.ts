import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeNative } from '../sys/fake-native.ts'
import { loadModules, loadNamed } from './modules.ts'

const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const EEXIST = -17

let directory: string
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'solocloud-modules-'))))
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function put(path: string, content: string | Buffer): string {
  const full = join(directory, path)
  mkdirSync(dirname(full), { recursive: true })
  writeFileSync(full, content)
  return full
}
const sources = () => ({
  directory: join(directory, 'modules'),
  buses: join(directory, 'bus'),
  loaded: join(directory, 'loaded'),
})

/** A kernel that notes the content of each module it is given, and shows devices as drivers load. */
function kernel(onLoad: (content: string) => number) {
  return fakeNative({
    ownsMachine: () => 1,
    finitModule: (fd) => onLoad(readFileSync(`/proc/self/fd/${fd}`, 'utf8')),
  })
}

test('drivers are loaded for the devices, then for the devices that these bring', () => {
  put(
    'modules/modules.dep',
    [
      'kernel/drivers/virtio/virtio_pci.ko:',
      'kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko',
      'kernel/drivers/net/net_failover.ko: kernel/net/core/failover.ko',
      'kernel/net/core/failover.ko:',
      'kernel/drivers/gpu/bochs.ko:',
      'kernel/drivers/acpi/button.ko:',
    ].join('\n'),
  )
  put(
    'modules/modules.alias',
    'alias pci:v1* virtio_pci\nalias pci:v2* bochs\nalias virtio:d1 virtio_net\n',
  )
  for (const path of [
    'drivers/virtio/virtio_pci',
    'drivers/net/virtio_net',
    'drivers/net/net_failover',
    'net/core/failover',
    'drivers/gpu/bochs',
    'drivers/acpi/button',
  ]) {
    put(`modules/kernel/${path}.ko`, path)
  }
  put('bus/pci/devices/0000:00:01.0/modalias', 'pci:v1d2\n')
  put('bus/pci/devices/0000:00:02.0/modalias', 'pci:v2d2\n')
  put('loaded', 'failover 1 0 - Live 0x0\n')
  const order: string[] = []
  const native = kernel((content) => {
    order.push(content)
    if (content.endsWith('virtio_pci')) put('bus/virtio/devices/virtio0/modalias', 'virtio:d1\n')
    return content.endsWith('button') ? EEXIST : 0
  })
  expect(loadModules(native, log, sources())).toEqual(['virtio_pci', 'net_failover', 'virtio_net'])
  expect(order).toEqual([
    'drivers/acpi/button',
    'drivers/virtio/virtio_pci',
    'drivers/net/net_failover',
    'drivers/net/virtio_net',
  ])
})

test('a machine without modules, and one that is not ours', () => {
  expect(
    loadModules(
      kernel(() => 0),
      log,
      sources(),
    ),
  ).toEqual([])
  expect(loadModules(fakeNative({ ownsMachine: () => 0 }), log, sources())).toEqual([])
})

test('a compressed module is unpacked in memory; an unknown compression is skipped', () => {
  put(
    'modules/modules.dep',
    'kernel/drivers/acpi/button.ko.zst: kernel/lib/other.ko.xz\nkernel/lib/other.ko.xz:\n',
  )
  put('modules/kernel/drivers/acpi/button.ko.zst', zstdCompressSync('the button'))
  put('modules/kernel/lib/other.ko.xz', 'x')
  const memory = put('memory', '')
  const loaded: string[] = []
  const native = fakeNative({
    ownsMachine: () => 1,
    memfdCreate: () => openSync(memory, 'r+'),
    finitModule: () => {
      loaded.push(readFileSync(memory, 'utf8'))
      return 0
    },
  })
  expect(loadModules(native, log, sources())).toEqual(['button'])
  expect(loaded).toEqual(['the button'])
})

test('a module by name, after what it needs', () => {
  put(
    'modules/modules.dep',
    'kernel/drivers/watchdog/softdog.ko: kernel/lib/a.ko kernel/lib/b.ko\nkernel/lib/a.ko:\nkernel/lib/b.ko:\n',
  )
  for (const path of ['drivers/watchdog/softdog', 'lib/a', 'lib/b']) {
    put(`modules/kernel/${path}.ko`, path)
  }
  put('loaded', 'b 1 0 - Live 0x0\n')
  const loaded: string[] = []
  const native = kernel((content) => {
    loaded.push(content)
    return 0
  })
  expect(loadNamed(native, log, 'softdog', sources())).toBe(true)
  expect(loaded).toEqual(['lib/a', 'drivers/watchdog/softdog'])
  expect(loadNamed(native, log, 'nonsense', sources())).toBe(false)
  const notOurs = fakeNative({ ownsMachine: () => 0 })
  expect(loadNamed(notOurs, log, 'softdog', sources())).toBe(false)
})
