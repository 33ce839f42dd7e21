import { beforeEach, expect, test } from 'vitest'
import { fakeNative } from '../../sys/fake-native.ts'
import { mountFlags } from '../../sys/mount.ts'
import { FakeClock } from '../supervisor/fake-clock.ts'
import type { BlockDevice } from './block-devices.ts'
import { createFstab } from './fstab-mounts.ts'

const EBUSY = -16
const EINVAL = -22

const disk = (path: string, fstype: string, uuid: string): BlockDevice => ({
  ...{ path, content: { fstype, uuid, label: '' } },
  ...{ partUuid: '', partLabel: '', mapperName: '', ids: [] },
})

let story: string[]
beforeEach(() => void (story = []))

interface Machine {
  fstab: string | null
  devices?: BlockDevice[]
  mounted?: string[]
  /** After loading the hardware's modules. */
  moreDevices?: BlockDevice[]
  /** After so many looks at the devices. */
  looks?: number
  owner?: number
  refuse?: Record<string, string>
  swap?: number
  notes?: Map<string, unknown>
}

/** A machine of disks; what is asked of it is written into `story`. */
function machine(about: Machine) {
  const { fstab, devices = [], mounted = ['/'], owner = 1, refuse = {}, looks = 0 } = about
  const clock = new FakeClock()
  const notes = about.notes ?? new Map<string, unknown>()
  let [loaded, looked] = [false, 0]
  const tools = createFstab({
    native: fakeNative({
      ownsMachine: () => owner,
      swapon: (path, flags) => {
        story.push(`swapon ${path} ${flags.toString(16)}`)
        return about.swap ?? 0
      },
    }),
    log: {
      info: (_, message) => void story.push(`- ${message}`),
      warn: (_, message) => void story.push(`! ${message}`),
      error: () => undefined,
    },
    modules: {
      loadHardware: () => {
        story.push('load hardware')
        loaded = true
        return Promise.resolve([])
      },
      loadNamed: (...names) => {
        if (names.length > 0) story.push(`load ${names.join(' ')}`)
        return Promise.resolve(true)
      },
    },
    mount: ({ source, target, fstype, flags, data }) => {
      story.push(
        `mount ${source} ${target} ${fstype} ${mountFlags(flags).toString(16)} ${data}`.trim(),
      )
      const why = refuse[target]
      if (why !== undefined) return Promise.reject(new Error(why))
      mounted.push(target)
      return Promise.resolve()
    },
    clock: {
      nowMs: () => clock.nowMs(),
      after: (ms, fire) => {
        const stop = clock.after(ms, fire)
        queueMicrotask(() => clock.advance(ms))
        return stop
      },
    },
    notes: {
      read: (part) => notes.get(part) ?? null,
      write: (part, value) => void notes.set(part, value),
    },
    files: {
      fstab: () => fstab,
      proc: (name) =>
        name === 'filesystems'
          ? '\text4\n'
          : mounted.map((target) => `1 1 8:1 / ${target} rw - ext4 /dev/x rw\n`).join(''),
      exists: (path) => /^\/(?!dev\/)/.test(path) || devices.some((one) => one.path === path),
      makeDirectory: (path) => void story.push(`mkdir ${path}`),
      resolve: (path) => path.replace(/^\/link/, '/real'),
      devices: () => {
        looked++
        return loaded && looked > looks ? [...devices, ...(about.moreDevices ?? [])] : devices
      },
    },
  })
  return { ...tools, notes }
}

test('file systems in their order, with modules, flags and data; then swap', async () => {
  const { mountEarly } = machine({
    fstab: [
      'UUID=r / ext4 errors=remount-ro 0 1',
      'UUID=s none swap sw,pri=3,discard',
      'UUID=v /var xfs noatime,nosuid,logbufs=8',
      '/swapfile none swap sw',
      '/dev/vda2 /boot auto ro',
    ].join('\n'),
    devices: [
      disk('/dev/vda2', 'ext4', 'b'),
      disk('/dev/vdb1', 'xfs', 'V'),
      disk('/dev/vdb2', 'swap', 's'),
    ],
  })
  expect(await mountEarly()).toEqual([])
  expect(story.filter((line) => !line.startsWith('-'))).toEqual([
    ...['mkdir /var', 'load fs-xfs', 'mount /dev/vdb1 /var xfs 402 logbufs=8'],
    ...['mkdir /boot', 'mount /dev/vda2 /boot ext4 1'],
    ...['swapon /dev/vdb2 58003', 'swapon /swapfile 0'],
  ])
})

test('what the initramfs has mounted stays, by whatever path; nothing is asked about it', async () => {
  const { mountEarly } = machine({
    fstab: 'UUID=u /usr ext4\nUUID=l /link/data ext4\n',
    mounted: ['/', '/usr', '/real/data'],
  })
  expect(await mountEarly()).toEqual([])
  expect(story).toEqual([])
})

test('a disk behind a controller that has no driver yet', async () => {
  const { mountEarly } = machine({
    fstab: 'UUID=v /var ext4\nUUID=l /var/log ext4\n/var/swap none swap\n',
    devices: [disk('/dev/vda3', 'ext4', 'l')],
    moreDevices: [disk('/dev/sdb1', 'ext4', 'v')],
    looks: 5,
  })
  expect(await mountEarly()).toEqual([])
  expect(story.filter((line) => /^(load|mount|swapon)/.test(line))).toEqual([
    ...['load hardware', 'mount /dev/sdb1 /var ext4 0', 'mount /dev/vda3 /var/log ext4 0'],
    'swapon /var/swap 0',
  ])
})

test('one that never comes, one that is refused, and two of one name: told, and the rest is mounted', async () => {
  const { mountEarly, notes } = machine({
    fstab: [
      ...['UUID=x /srv ext4', 'UUID=x /opt ext4 nofail', 'UUID=h /home ext4', 'UUID=d /mnt ext4'],
      ...['UUID=e /etc/ssl auto', 'nonsense', 'UUID=w none swap', 'UUID=g /good ext4'],
    ].join('\n'),
    devices: [
      ...[disk('/dev/a', 'ext4', 'h'), disk('/dev/b', 'ext4', 'd'), disk('/dev/c', 'ext4', 'd')],
      ...[disk('/dev/e', 'swap', 'w'), disk('/dev/g', 'ext4', 'g')],
      { ...disk('/dev/f', '', ''), content: null },
    ],
    refuse: { '/home': 'mount ext4 at /home: invalid argument' },
    swap: EINVAL,
  })
  const degraded = await mountEarly()
  expect(degraded).toEqual([
    '/etc/fstab: line 6 names no file system type',
    '/etc/fstab: /home is not mounted from UUID=h: mount ext4 at /home: invalid argument',
    '/etc/fstab: /mnt is not mounted from UUID=d: /dev/b and /dev/c both have its name',
    '/etc/fstab: UUID=w is not used for swap: swapon /dev/e: EINVAL',
    '/etc/fstab: /srv is not mounted from UUID=x: its device is not there',
    '/etc/fstab: /etc/ssl is not mounted from UUID=e: its device is not there',
  ])
  expect(story).toContain('mount /dev/g /good ext4 0')
  expect(story.filter((line) => line.startsWith('!'))).toHaveLength(degraded.length)
  // A later life of the same boot knows it.
  story = []
  expect(await machine({ fstab: 'x', notes }).mountEarly()).toEqual(degraded)
  expect(story).toEqual([])
})

test('a device whose content says nothing can’t be `auto`', async () => {
  const { mountEarly } = machine({
    fstab: '/dev/f /srv auto',
    devices: [{ ...disk('/dev/f', '', ''), content: null }],
  })
  expect(await mountEarly()).toEqual([
    '/etc/fstab: /srv is not mounted from /dev/f: /dev/f holds no file system that a node knows',
  ])
})

test('many problems are a few sentences', async () => {
  const lines = Array.from({ length: 200 }, (_, at) => `/dev/sd${at} /${'ü'.repeat(200)}${at} zfs`)
  const degraded = await machine({ fstab: lines.join('\n') }).mountEarly()
  expect(degraded.at(-1)).toMatch(/^\/etc\/fstab: and \d+ more$/)
  expect(Buffer.byteLength(JSON.stringify(degraded))).toBeLessThan(3100)
})

test('swap that is in use already is no problem', async () => {
  const devices = [disk('/dev/e', 'swap', 'w')]
  expect(await machine({ fstab: 'UUID=w none swap', devices, swap: EBUSY }).mountEarly()).toEqual(
    [],
  )
})

test('what may be missing is waited for once the hardware is there, and then forgotten', async () => {
  const fstab =
    'UUID=n /mnt/volume ext4 nofail\nUUID=z /mnt/gone ext4 nofail\nUUID=s none swap nofail\n'
  const moreDevices = [disk('/dev/sdb', 'ext4', 'n'), disk('/dev/sdc', 'swap', 's')]
  const notes = new Map<string, unknown>()
  const early = machine({ fstab, notes })
  await early.mountLate() // Not before the first pass.
  expect(await early.mountEarly()).toEqual([])
  expect(story).toEqual([])
  const late = machine({ fstab, notes, devices: moreDevices })
  await late.mountLate()
  expect(story.filter((line) => !line.startsWith('-'))).toEqual([
    ...['mkdir /mnt/volume', 'mount /dev/sdb /mnt/volume ext4 0', 'swapon /dev/sdc 0'],
  ])
  story = []
  await late.mountLate()
  expect(story).toEqual([])
})

test('a life that died while mounting is not followed by another that tries', async () => {
  const notes = new Map<string, unknown>([['fstab', { early: 'begun', late: false, degraded: [] }]])
  const { mountEarly } = machine({ fstab: 'UUID=v /var ext4', notes })
  expect(await mountEarly()).toEqual([
    '/etc/fstab: init died of it; the rest is not mounted before the next boot',
  ])
  expect(story).toEqual([])
})

test('no file, and a machine that is not ours: nothing', async () => {
  expect(await machine({ fstab: null }).mountEarly()).toEqual([])
  const container = machine({ fstab: 'UUID=v /var ext4', owner: 0 })
  expect(await container.mountEarly()).toEqual([])
  await container.mountLate()
  expect(container.notes.size).toBe(0)
  expect(story).toEqual([])
})
