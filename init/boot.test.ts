import { expect, test } from 'vitest'
import { fakeNative } from '../sys/fake-native.ts'
import { boot, makeNodeDirectories, setHostname } from './boot.ts'
import type { BootFiles } from './boot/boot-files.ts'

const EPERM = -1
const EBUSY = -16
const EINVAL = -22

const log = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** A machine that writes down what is asked of it and answers `mount` as told (0 by default). */
function machine(answers: {
  owner?: 0 | 1
  mountinfo?: string
  mount?: (target: string, fstype: string, data: string) => number
  mknod?: number
  /** What is a device in /dev; the rest is missing. */
  devices?: readonly string[]
  /** What is a file in its place. */
  files?: readonly string[]
}) {
  const story: string[] = []
  const native = fakeNative({
    ownsMachine: () => answers.owner ?? 1,
    mount: (source, target, fstype, flags, data) => {
      story.push(
        `mount ${[source, target, fstype].filter(Boolean).join(' ')} ${flags.toString(16)} ${data}`.trim(),
      )
      return answers.mount?.(target, fstype, data) ?? 0
    },
    mknod: (path, mode, major, minor) => {
      story.push(`mknod ${path} ${mode.toString(8)} ${major}:${minor}`)
      return answers.mknod ?? 0
    },
    setrlimit: (resource, soft, hard) => {
      story.push(`setrlimit ${resource} ${soft} ${hard}`)
      return 0
    },
  })
  const note = (line: string) => void story.push(line)
  const files: BootFiles = {
    read: (path) => {
      if (path !== '/proc/self/mountinfo') return ''
      if (answers.mountinfo === undefined) throw new Error('ENOENT')
      return answers.mountinfo
    },
    write: (path, text) => note(`write ${path} ${text}`),
    makeDirectory: (path, mode) => note(`mkdir ${path} ${(mode ?? 0o755).toString(8)}`),
    chmod: () => undefined,
    symlink: (target, path) => note(`symlink ${target} ${path}`),
    remove: (path) => {
      if (path.startsWith('/dev/') && !answers.files?.includes(path)) throw new Error('ENOENT')
      note(`remove ${path}`)
    },
    isDevice: (path) => answers.devices?.includes(path) ?? false,
    create: (path) => note(`create ${path}`),
    hold: (path) => {
      if (path !== '/dev/null') throw new Error('ENOENT')
      return 77
    },
    close: (fd) => note(`close ${fd}`),
  }
  return { story, files, run: () => boot(native, log, files) }
}
const mounts = (story: string[]) => story.filter((line) => line.startsWith('mount '))

test('a machine of our own: everything in order, with its flags', () => {
  const { story, run } = machine({})
  expect(run()).toEqual({
    degraded: [],
    mounted: ['/proc', '/sys', '/dev', '/dev/pts', '/dev/shm', '/run', '/tmp', '/sys/fs/cgroup'],
  })
  expect(mounts(story)).toEqual([
    'mount / 200020',
    'mount proc /proc proc e',
    'mount sysfs /sys sysfs e',
    'mount devtmpfs /dev devtmpfs a mode=0755',
    'mount devpts /dev/pts devpts a newinstance,ptmxmode=0666,mode=0620,gid=5',
    'mount shm /dev/shm tmpfs 6 mode=1777,size=10%',
    'mount run /run tmpfs 6 mode=0755,size=10%',
    'mount tmp /tmp tmpfs e mode=1777,size=10%',
    'mount cgroup2 /sys/fs/cgroup cgroup2 e',
  ])
  expect(story.slice(-8)).toEqual([
    'symlink /proc/self/fd/2 /dev/stderr',
    'mkdir /etc 755',
    'mkdir /run/solocloud 700',
    'mkdir /sys/fs/cgroup/solocloud 755',
    'write /proc/self/oom_score_adj -1000',
    'setrlimit 7 65536 65536',
    'mknod /run/solocloud/device 20600 1:3',
    'remove /run/solocloud/device',
  ])
})

test('the node’s own directories come after the mounts; what can’t be made is told', () => {
  const { story, files } = machine({})
  expect(makeNodeDirectories(log, files)).toEqual([])
  expect(story).toEqual(['mkdir /chroots 700', 'mkdir /var/lib/solocloud 700'])
  const readOnly = () => {
    throw new Error('EROFS')
  }
  expect(makeNodeDirectories(log, { ...files, makeDirectory: readOnly })).toEqual([
    ...['no /chroots: EROFS', 'no /var/lib/solocloud: EROFS'],
  ])
})

test('in a container: / stays as it is, /dev is a tmpfs without the host console', () => {
  const mount = (_: string, fstype: string) => (fstype === 'devtmpfs' ? EPERM : 0)
  const { story, run } = machine({ owner: 0, mount })
  expect(run().degraded).toEqual([])
  expect(mounts(story)[0]).toBe('mount proc /proc proc e')
  expect(story).toContain('mount dev /dev tmpfs a mode=0755,size=64k')
  expect(story).toContain('mknod /dev/urandom 20666 1:9')
  expect(story).toContain('symlink pts/ptmx /dev/ptmx')
  expect(story.some((line) => line.includes('console'))).toBe(false)
  expect(story).toContain('close 77')
})

test('without mknod the old nodes are bound, and the missing ones are named', () => {
  const mount = (_: string, fstype: string) => (fstype === 'devtmpfs' ? EPERM : 0)
  const { story, run } = machine({ owner: 0, mount, mknod: EPERM })
  expect(run().degraded).toEqual([
    '/dev lacks zero, full, random, urandom, tty',
    'no device nodes can be made: mknod /run/solocloud/device: EPERM',
  ])
  expect(story).toContain('mount /proc/self/fd/77 /dev/null 1000')
})

test('what is mounted stays; what is refused is survived and told', () => {
  const mountinfo = '22 1 0:21 / /proc rw - proc proc rw\n23 1 0:22 / /sys rw - sysfs sysfs rw\n'
  const { story, run } = machine({ owner: 0, mountinfo, mount: () => EPERM, mknod: EPERM })
  const { degraded, mounted } = run()
  expect(mounted).toEqual([])
  expect(degraded.slice(0, 2)).toEqual([
    '/dev lacks null, zero, full, random, urandom, tty',
    '/dev/pts is not mounted: mount /dev/pts: EPERM',
  ])
  expect(mounts(story).some((line) => line.includes(' /proc proc'))).toBe(false)
})

const STANDARD = ['null', 'zero', 'full', 'random', 'urandom', 'tty'].map((name) => `/dev/${name}`)

test('a /dev that may not be replaced is completed', () => {
  const mount = (target: string) => (target === '/dev' ? EPERM : 0)
  const devices = STANDARD.slice(2)
  const { story, run } = machine({ owner: 0, mount, devices, files: ['/dev/null'] })
  const { degraded, mounted } = run()
  expect(degraded).toEqual([])
  expect(mounted).not.toContain('/dev')
  expect(story.filter((line) => /^(mknod|remove) \/dev/.test(line))).toEqual([
    'remove /dev/null',
    'mknod /dev/null 20666 1:3',
    'mknod /dev/zero 20666 1:5',
  ])
})

test('a /dev that is mounted already is completed too, and one with everything left alone', () => {
  const mountinfo = '22 1 0:21 / /dev rw - tmpfs dev rw\n'
  const bare = machine({ owner: 0, mountinfo, devices: STANDARD.slice(0, 5), mknod: EPERM })
  expect(bare.run().degraded[0]).toBe('/dev lacks tty')
  const full = machine({ owner: 0, mountinfo, devices: STANDARD })
  expect(full.run().degraded).toEqual([])
  expect(full.story.some((line) => line.startsWith('mknod /dev'))).toBe(false)
})

test('EBUSY means mounted already', () => {
  const { run } = machine({ mount: (target) => (target === '/proc' ? EBUSY : 0) })
  const { degraded, mounted } = run()
  expect(degraded).toEqual([])
  expect(mounted).not.toContain('/proc')
})

test('devpts without its group, where that group is not mapped', () => {
  const mount = (target: string, _: string, data: string) =>
    target === '/dev/pts' && data.includes('gid') ? EINVAL : 0
  const { story, run } = machine({ mount })
  expect(run().degraded).toEqual([])
  expect(story).toContain('mount devpts /dev/pts devpts a newinstance,ptmxmode=0666')
})

test('the host name is set only where it is ours', () => {
  const names: string[] = []
  const native = (owner: number) =>
    fakeNative({ ownsMachine: () => owner, sethostname: (name) => names.push(name) * 0 })
  expect(setHostname(native(1), 'a', 'uts:[4026531838]')).toBe('set')
  expect(setHostname(native(0), 'b', 'uts:[4026531838]')).toBe('not ours')
  expect(setHostname(native(0), 'c', 'uts:[4026532999]')).toBe('set')
  expect(names).toEqual(['a', 'c'])
})
