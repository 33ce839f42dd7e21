import { expect, test } from 'vitest'
import type { Isolation } from '../protocol/api.ts'
import { appPlan, refreshPlan, type AppPlanInput } from './app-plan.ts'
import type { SpawnPlan } from './plan.ts'
import { planWords } from './words.ts'

const config = {
  Entrypoint: ['/bin/foo'],
  Cmd: ['-x', 'two words'],
  Env: ['A=1'],
  WorkingDir: '/srv',
  User: 'www',
  StopSignal: 'SIGTERM',
}

function input(
  isolation: Isolation,
  changes: Partial<typeof config> = {},
  management = false,
): AppPlanInput {
  return {
    name: 'foo',
    root: '/chroots/.generations/foo/7',
    manifest: { config: { ...config, ...changes }, management },
    isolation,
    cgroup: null,
    resolvConf: 'nameserver 10.0.2.3\n',
  }
}

/** The words of each step on a line; those with blanks in them, and empty ones, as JSON. */
function lines(plan: SpawnPlan): string[] {
  const quote = (word: string): string => (/\s|^$/.test(word) ? JSON.stringify(word) : word)
  return plan.steps.map((step) =>
    planWords({ ...plan, steps: [step] })
      .map(quote)
      .join(' '),
  )
}

const LIMITS = [
  'rlimit 0 -1 -1',
  'rlimit 1 -1 -1',
  'rlimit 2 -1 -1',
  'rlimit 3 8388608 -1',
  'rlimit 4 0 -1',
  'rlimit 5 -1 -1',
  'rlimit 7 1024 524288',
  'rlimit 8 8388608 8388608',
  'rlimit 9 -1 -1',
  'rlimit 10 -1 -1',
  'rlimit 12 819200 819200',
  'rlimit 13 0 0',
  'rlimit 14 0 0',
  'rlimit 15 -1 -1',
]
const DEVICES_AND_LINKS = [
  'device dev/null 438 1 3',
  'device dev/zero 438 1 5',
  'device dev/full 438 1 7',
  'device dev/random 438 1 8',
  'device dev/urandom 438 1 9',
  'device dev/tty 438 5 0',
  'symlink pts/ptmx dev/ptmx',
  'symlink /proc/self/fd dev/fd',
  'symlink /proc/self/fd/0 dev/stdin',
  'symlink /proc/self/fd/1 dev/stdout',
  'symlink /proc/self/fd/2 dev/stderr',
]
const WRITES = [
  String.raw`write etc/resolv.conf 420 "nameserver 10.0.2.3\n"`,
  String.raw`write etc/hosts 420 "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 foo\n"`,
]

test('the plan of an app with namespaces', () => {
  const plan = appPlan({ ...input('namespaces'), cgroup: '/sys/fs/cgroup/apps/foo' })
  expect(lines(plan)).toEqual([
    'setsid',
    'cgroup /sys/fs/cgroup/apps/foo',
    'oom-score-adj 0',
    ...LIMITS,
    'enter-mount-namespace /chroots/.generations/foo/7',
    'mount tmpfs dev tmpfs 10 mode=0755,size=64k 0',
    'mount devpts dev/pts devpts 10 newinstance,ptmxmode=0666,mode=0620 1',
    'mount tmpfs dev/shm tmpfs 14 mode=1777,size=64m 0',
    'mount sysfs sys sysfs 15 "" 1',
    'mount proc proc proc 15 "" 0',
    ...DEVICES_AND_LINKS,
    'pivot-root',
    'hostname foo',
    ...WRITES,
    'user www 00000000a00405fb',
    'no-new-privs',
    'chdir /srv',
    'init',
    'exec 3 /bin/foo -x "two words"',
  ])
  // CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS
  expect(plan.namespaces).toBe(0x2c020000)
})

test('the plan of an app without namespaces', () => {
  const plan = appPlan(input('chroot'))
  expect(lines(plan)).toEqual([
    'setsid',
    'oom-score-adj 0',
    ...LIMITS,
    'enter-directory /chroots/.generations/foo/7',
    'mount tmpfs dev tmpfs 10 mode=0755,size=64k 1',
    'mount devpts dev/pts devpts 10 newinstance,ptmxmode=0666,mode=0620 1',
    'mount tmpfs dev/shm tmpfs 14 mode=1777,size=64m 1',
    'mount sysfs sys sysfs 15 "" 1',
    'mount proc proc proc 15 "" 1',
    ...DEVICES_AND_LINKS,
    'chroot',
    ...WRITES,
    'user www 00000000a00005fb',
    'no-new-privs',
    'chdir /srv',
    'exec 3 /bin/foo -x "two words"',
  ])
  expect(plan.namespaces).toBe(0)
})

test.each([
  ['namespaces', '00000000a00405fb'],
  ['chroot', '00000000a00405fb'],
] as const)('an app that manages the node, with %s', (isolation, kept) => {
  const words = lines(appPlan(input(isolation, {}, true)))
  const mounts = words.filter((line) => line.startsWith('mount '))
  expect(mounts.slice(-2)).toEqual([
    'mount /run/solocloud run/solocloud "" 4096 "" 0',
    'mount /run/solocloud run/solocloud "" 4143 "" 1',
  ])
  expect(words).toContain(`user www ${kept}`)
})

test('the plan that renews the name servers', () => {
  const plan = refreshPlan({ root: '/chroots/.generations/foo/7', resolvConf: 'nameserver ::1\n' })
  expect(lines(plan)).toEqual([
    'enter-directory /chroots/.generations/foo/7',
    'chroot',
    String.raw`write etc/resolv.conf 420 "nameserver ::1\n"`,
    'exit',
  ])
  expect(plan).toMatchObject({ namespaces: 0, env: [] })
})

test('the environment is the image’s, with what it leaves out', () => {
  const env = (...words: string[]): readonly string[] =>
    appPlan(input('namespaces', { Env: words })).env
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  expect(env('A=1')).toEqual([path, 'HOSTNAME=foo', 'A=1', 'HOME='])
  expect(env('PATH=/x', 'HOME=/y', 'HOSTNAME=z')).toEqual(['PATH=/x', 'HOME=/y', 'HOSTNAME=z'])
})

test('an image that names no user and no directory runs as root in /', () => {
  const words = lines(appPlan(input('namespaces', { User: '', WorkingDir: '' })))
  expect(words).toContain('user 0 00000000a00405fb')
  expect(words).toContain('chdir /')
})

test('a manifest without a command is a bug by now', () => {
  expect(() => appPlan(input('chroot', { Entrypoint: [], Cmd: [] }))).toThrow('BUG')
})
