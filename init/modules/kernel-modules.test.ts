import {
  closeSync,
  createReadStream,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { xzDecode, xzEncode } from '../../chroot-runner/unpack/xz-coder.ts'
import { fakeNative } from '../../sys/fake-native.ts'
import type { Native } from '../../sys/native.ts'
import { MODULE_COMPRESSED } from '../../sys/reboot.ts'
import { createKernelModules } from './kernel-modules.ts'
import type { Unxz } from './unxz.ts'

const said: string[] = []
const log = {
  info: ({ err }: { err?: unknown }, message = '') =>
    void said.push(err instanceof Error ? err.message : message),
  warn: () => undefined,
  error: () => undefined,
}
const [EPERM, EEXIST, EINVAL, ENOSYS, EOPNOTSUPP] = [-1, -17, -22, -38, -95]
const XZ_MEMORY_MAX = 80_000_000

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'solocloud-modules-'))
  mkdirSync(join(directory, 'scratch'))
  said.length = 0
  children = 0
})
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
  commandLine: join(directory, 'cmdline'),
})

/** A kernel that notes the content of each module it is given, and shows devices as drivers load. */
function kernel(onLoad: (content: string, parameters: string, flags: number) => number) {
  return fakeNative({
    ownsMachine: () => 1,
    memfdCreate: () => ENOSYS,
    finitModule: (fd, parameters, flags) =>
      onLoad(readFileSync(`/proc/self/fd/${fd}`, 'utf8'), parameters, flags),
  })
}

/** What the child does, in this process; each call is a child. */
let children = 0
const unxz: Unxz = async (pairs) => {
  children++
  for (const { packed, plain } of pairs) {
    const input = createReadStream('', { fd: packed, autoClose: false })
    try {
      for await (const bytes of xzDecode(input, XZ_MEMORY_MAX)) writeSync(plain, bytes)
    } catch {
      ftruncateSync(plain)
    }
  }
}

const modulesOn = (native: Native, decompress = unxz) =>
  createKernelModules({
    ...{ native, log, unxz: decompress, sources: sources() },
    scratch: join(directory, 'scratch'),
  })

async function xz(text: string): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const bytes of xzEncode(Readable.from([Buffer.from(text)]), 6)) parts.push(bytes)
  return Buffer.concat(parts)
}

test('drivers are loaded for the devices, then for the devices that these bring', async () => {
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
  expect(await modulesOn(native).loadHardware()).toEqual([
    ...['virtio_pci', 'net_failover', 'virtio_net'],
  ])
  expect(order).toEqual([
    'drivers/acpi/button',
    'drivers/virtio/virtio_pci',
    'drivers/net/net_failover',
    'drivers/net/virtio_net',
  ])
})

test('a machine without modules, and one that is not ours', async () => {
  expect(await modulesOn(kernel(() => 0)).loadHardware()).toEqual([])
  const notOurs = modulesOn(fakeNative({ ownsMachine: () => 0 }))
  expect(await notOurs.loadHardware()).toEqual([])
  expect(await notOurs.loadNamed('softdog')).toBe(false)
})

test('packed modules are unpacked in memory; an unknown packing is skipped', async () => {
  put(
    'modules/modules.dep',
    'kernel/button.ko.zst: kernel/a.ko.gz kernel/b.ko.xz kernel/c.ko.lzo\n',
  )
  put('modules/kernel/button.ko.zst', zstdCompressSync('the button'))
  put('modules/kernel/a.ko.gz', gzipSync('a'))
  put('modules/kernel/b.ko.xz', await xz('b'))
  put('modules/kernel/c.ko.lzo', 'c')
  const memory = put('memory', '')
  const loaded: string[] = []
  const native = fakeNative({
    ownsMachine: () => 1,
    memfdCreate: () => openSync(memory, 'w+'),
    finitModule: (fd, _, flags) => {
      if (flags === MODULE_COMPRESSED) return EINVAL
      // The kernel refuses a file that somebody may still write to.
      expect(() => writeSync(fd, 'x')).toThrow('EBADF')
      loaded.push(readFileSync(fd, 'utf8'))
      return 0
    },
  })
  expect(await modulesOn(native).loadHardware()).toEqual(['b', 'a', 'button'])
  expect(loaded).toEqual(['b', 'a', 'the button'])
  expect(said).toEqual(['c.ko.lzo: compressed kernel modules must be .ko.gz, .ko.xz or .ko.zst'])
})

test('without a memfd, a file of the scratch directory, which is gone again', async () => {
  put('modules/modules.dep', 'kernel/a.ko.xz:\n')
  put('modules/kernel/a.ko.xz', await xz('a'))
  put('scratch/module', 'of a life that ended just then')
  const loaded: string[] = []
  const native = kernel((content, _, flags) => {
    if (flags !== 0) return EOPNOTSUPP
    loaded.push(content)
    return 0
  })
  await modulesOn(native).loadNamed('a')
  expect(loaded).toEqual(['a'])
  expect(readdirSync(join(directory, 'scratch'))).toEqual([])
})

test.each([0, EEXIST, EPERM])('xz is the kernel’s own work where it can (%d)', async (answer) => {
  put('modules/modules.dep', 'kernel/a.ko.xz:\n')
  const packed = await xz('a')
  put('modules/kernel/a.ko.xz', packed)
  const given: unknown[] = []
  const native = kernel((content, parameters, flags) => {
    given.push([content, parameters, flags])
    return answer
  })
  await modulesOn(native, () => Promise.reject(new Error('not needed'))).loadNamed('a')
  expect(given).toEqual([[packed.toString(), '', MODULE_COMPRESSED]])
  expect(said).toEqual(answer === EPERM ? ['finit_module a.ko.xz: EPERM'] : [])
})

test('one child decompresses all that are asked for, and the kernel is asked once whether it does', async () => {
  const names = Array.from({ length: 40 }, (_, at) => `m${at}`)
  const needs = names.slice(1).map((name) => `kernel/${name}.ko.xz`)
  put('modules/modules.dep', `kernel/m0.ko.xz: ${needs.join(' ')}\n`)
  for (const name of names) put(`modules/kernel/${name}.ko.xz`, await xz(name))
  const loaded: string[] = []
  let asked = 0
  const native = kernel((content, _, flags) => {
    if (flags === 0) loaded.push(content)
    else asked++
    return flags === 0 ? 0 : EOPNOTSUPP
  })
  await modulesOn(native).loadNamed('m0')
  expect(loaded).toEqual(names.toReversed())
  // A child takes thirty.
  expect([asked, children]).toEqual([1, 2])
})

test('a child that ends badly is asked again for the next one', async () => {
  put('modules/modules.dep', 'kernel/b.ko.xz: kernel/a.ko.xz\n')
  for (const name of ['a', 'b']) put(`modules/kernel/${name}.ko.xz`, await xz(name))
  const loaded: string[] = []
  const native = kernel((content, _, flags) => {
    if (flags === 0) loaded.push(content)
    return flags === 0 ? 0 : EINVAL
  })
  const dies: Unxz = (pairs) =>
    pairs.length > 1 ? Promise.reject(new Error('it died')) : unxz(pairs)
  await modulesOn(native, dies).loadNamed('b')
  expect([loaded, said]).toEqual([['b'], ['it died']])
})

test('a module that can’t be decompressed is left out, and no descriptor stays open', async () => {
  put('modules/modules.dep', 'kernel/b.ko: kernel/a.ko.xz\nkernel/a.ko.xz:\n')
  put('modules/kernel/a.ko.xz', (await xz('a')).subarray(0, 20))
  put('modules/kernel/b.ko', 'b')
  const loaded: string[] = []
  const native = kernel((content, _, flags) => {
    if (flags === 0) loaded.push(content)
    return flags === 0 ? 0 : EOPNOTSUPP
  })
  const next = (): number => {
    const fd = openSync('/dev/null', 'r')
    closeSync(fd)
    return fd
  }
  await modulesOn(native).loadNamed('b')
  const before = next()
  await modulesOn(native).loadNamed('b')
  expect(next()).toBe(before)
  expect(loaded).toEqual(['b', 'b'])
  expect(said).toEqual(["a.ko.xz can't be decompressed", "a.ko.xz can't be decompressed"])
})

test('a module by name, after what it needs, with its parameters', async () => {
  put(
    'modules/modules.dep',
    'kernel/drivers/watchdog/softdog.ko: kernel/lib/a.ko kernel/lib/b.ko\nkernel/lib/a.ko:\nkernel/lib/b.ko:\n',
  )
  put('modules/modules.builtin', 'kernel/fs/ext4/ext4.ko\n')
  for (const path of ['drivers/watchdog/softdog', 'lib/a', 'lib/b']) {
    put(`modules/kernel/${path}.ko`, path)
  }
  put('loaded', 'b 1 0 - Live 0x0\n')
  put('cmdline', 'root=/dev/vda1 softdog.soft_panic=1 quiet\n')
  const loaded: string[] = []
  const modules = modulesOn(
    kernel((content, parameters) => {
      loaded.push(`${content} ${parameters}`)
      put('loaded', 'softdog 1 0 - Live 0x0\n')
      return 0
    }),
  )
  expect(await modules.loadNamed('softdog')).toBe(true)
  expect(loaded).toEqual(['lib/a ', 'drivers/watchdog/softdog soft_panic=1'])
  expect(await modules.loadNamed('nonsense')).toBe(false)
  expect(await modules.loadNamed('ext4')).toBe(true)
  const refusing = modulesOn(kernel(() => EPERM))
  put('loaded', '')
  expect(await refusing.loadNamed('softdog')).toBe(false)
})
