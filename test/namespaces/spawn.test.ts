// What an app sees from inside is exactly what was planned, in both isolations. Needs root.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Isolation } from '../../protocol/api.ts'
import { scratch } from '../native/build-addon.ts'
import {
  buildPrograms,
  makeRoot,
  planFor,
  run,
  seen,
  type Outcome,
  type Programs,
} from './spawn-harness.ts'

const place = scratch('spawn')
let programs: Programs

beforeAll(() => (programs = buildPrograms(place.dir)))
afterAll(() => place.remove())

const KEPT = { namespaces: 'a00405fb', chroot: 'a00005fb' } as const

const DEVICES = [
  ['fd', '120777 0:0 /proc/self/fd'],
  ['full', '20666 1:7 '],
  ['null', '20666 1:3 '],
  ['ptmx', '120777 0:0 pts/ptmx'],
  ['pts', '40755 0:0 '],
  ['random', '20666 1:8 '],
  ['shm', '41777 0:0 '],
  ['stderr', '120777 0:0 /proc/self/fd/2'],
  ['stdin', '120777 0:0 /proc/self/fd/0'],
  ['stdout', '120777 0:0 /proc/self/fd/1'],
  ['tty', '20666 5:0 '],
  ['urandom', '20666 1:9 '],
  ['zero', '20666 1:5 '],
].map((words) => words.join(' '))

/** The hard limit as planned, or ours where root may not raise it (CAP_SYS_RESOURCE, capability 24). */
function descriptorsMax(): number {
  const effective = /^CapEff:\t(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const mayRaise = ((BigInt(`0x${effective}`) >> 24n) & 1n) === 1n
  const ours = /^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return mayRaise ? 524_288 : Math.min(524_288, Number(ours))
}

const RLIMITS = [
  ...['0 -1 -1', '1 -1 -1', '2 -1 -1', '3 8388608 -1', '4 0 -1', '5 -1 -1'],
  ...[`7 1024 ${descriptorsMax()}`, '8 8388608 8388608', '9 -1 -1', '10 -1 -1', '12 819200 819200'],
  ...['13 0 0', '14 0 0', '15 -1 -1'],
]

describe.each(['namespaces', 'chroot'] as const)('in the isolation %s', (isolation: Isolation) => {
  let asRoot: Outcome
  let asUser: Outcome

  beforeAll(async () => {
    const root = makeRoot(programs, isolation)
    const config = { Cmd: ['probe', 'two words', ''], Env: ['A=1', 'B=x=y'], WorkingDir: '/srv' }
    asRoot = await run(programs, planFor(root, isolation, config), { tainted: true })
    const user = { ...config, User: 'www' }
    asUser = await run(programs, planFor(root, isolation, user), { tainted: true })
  })

  test('it runs', () => {
    for (const outcome of [asRoot, asUser]) {
      expect(outcome).toMatchObject({ stderr: '', status: 0 })
      expect(outcome.report).toEqual(isolation === 'namespaces' ? ['R', 'X 0'] : [])
    }
  })

  test('words and environment', () => {
    expect(seen(asRoot, 'argv')).toEqual(['/bin/probe', 'probe', 'two words', ''])
    const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    const env = [path, 'HOSTNAME=foo', 'A=1', 'B=x=y']
    expect(seen(asRoot, 'env')).toEqual([...env, 'HOME=/root'])
    expect(seen(asUser, 'env')).toEqual([...env, 'HOME=/srv/www'])
  })

  test('no descriptor but stdio', () => {
    expect(seen(asRoot, 'fd')).toEqual(['0', '1', '2'])
  })

  test('no signal blocked, ignored or handled', () => {
    expect(seen(asRoot, 'mask')).toEqual(['0'])
    expect(seen(asRoot, 'disposition')).toEqual([])
  })

  test('limits, oom_score_adj and umask', () => {
    const planned = seen(asRoot, 'rlimit').filter((line) => !/^(6|11) /.test(line))
    expect(planned).toEqual(RLIMITS)
    expect(seen(asRoot, 'oom_score_adj')).toEqual(['0|'])
    expect(seen(asRoot, 'umask')).toEqual(['22'])
  })

  test('root has the capabilities to keep and no others', () => {
    expect(seen(asRoot, 'bounding')).toEqual([KEPT[isolation]])
    expect(seen(asRoot, 'permitted')).toEqual([`0${KEPT[isolation]}`])
    expect(seen(asRoot, 'effective')).toEqual([`0${KEPT[isolation]}`])
    expect(seen(asRoot, 'inheritable')).toEqual(['000000000'])
    expect(seen(asRoot, 'ambient')).toEqual(['0'])
    expect(seen(asRoot, 'no_new_privs')).toEqual(['1'])
    expect(seen(asRoot, 'mknod')).toEqual(['Operation not permitted'])
    expect(seen(asRoot, 'chroot')).toEqual([
      isolation === 'namespaces' ? 'allowed' : 'Operation not permitted',
    ])
  })

  test('another user has none', () => {
    expect(seen(asUser, 'bounding')).toEqual([KEPT[isolation]])
    for (const set of ['permitted', 'effective', 'inheritable']) {
      expect([set, seen(asUser, set)]).toEqual([set, ['000000000']])
    }
    expect(seen(asUser, 'ambient')).toEqual(['0'])
  })

  test('user and groups', () => {
    expect(seen(asRoot, 'uid')).toEqual(['0 0 0'])
    expect(seen(asRoot, 'gid')).toEqual(['0 0 0'])
    expect(asRoot.stdout).toMatch(/^groups$/m)
    expect(seen(asUser, 'uid')).toEqual(['33 33 33'])
    expect(seen(asUser, 'gid')).toEqual(['33 33 33'])
    expect(seen(asUser, 'groups')).toEqual(['50 60'])
  })

  test('a session and a group of its own, its directory', () => {
    expect(seen(asRoot, 'leads_session')).toEqual(['1'])
    expect(seen(asRoot, 'leads_group')).toEqual(['1'])
    expect(seen(asRoot, 'cwd')).toEqual(['/srv'])
  })

  test('devices', () => {
    expect(seen(asRoot, 'dev').toSorted()).toEqual(DEVICES)
    expect(seen(asRoot, 'zero')).toEqual(['1 0'])
    expect(seen(asRoot, 'full')).toEqual(['-1 No space left on device'])
    expect(seen(asRoot, 'null')).toEqual(['1'])
    expect(seen(asRoot, 'ptmx')).toEqual(['open'])
    expect(seen(asUser, 'ptmx')).toEqual(['open'])
  })

  test('files that the node provides', () => {
    expect(seen(asRoot, 'resolv.conf')).toEqual(['nameserver 10.0.2.3|'])
    expect(seen(asRoot, 'hosts')).toEqual([
      '127.0.0.1 localhost|::1 localhost ip6-localhost ip6-loopback|127.0.1.1 foo|',
    ])
  })

  test('nothing of the kernel can be written, even by root', () => {
    expect(seen(asRoot, 'write')).toEqual([
      '/proc Read-only file system',
      '/proc/self/oom_score_adj Read-only file system',
      '/proc/sys/kernel/hostname Read-only file system',
      '/sys Read-only file system',
    ])
  })
})

test('with namespaces, an app has its init, its host name and only its own mounts', async () => {
  const outcome = await run(programs, planFor(makeRoot(programs, 'own'), 'namespaces'))
  expect(seen(outcome, 'pid')).toEqual(['2'])
  expect(seen(outcome, 'init')).toEqual(['init|'])
  expect(seen(outcome, 'hostname')).toEqual(['foo'])
  const points = seen(outcome, 'mounts')[0]
    ?.split('|')
    .map((line) => line.split(' ')[1] ?? '')
  expect(points).toEqual(['/', '/dev', '/dev/pts', '/dev/shm', '/sys', '/proc', ''])
})

test('in a user namespace, devices are the node’s own, bound', async () => {
  const plan = planFor(makeRoot(programs, 'mapped'), 'namespaces')
  const outcome = await run(programs, plan, { userNamespace: true })
  expect(outcome).toMatchObject({ stderr: '', status: 0, report: ['R', 'X 0'] })
  const bound = DEVICES.filter((line) => line.includes(' 20666 '))
  expect(
    seen(outcome, 'dev')
      .filter((line) => line.includes(' 20666 '))
      .toSorted(),
  ).toEqual(bound)
  expect(seen(outcome, 'null')).toEqual(['1'])
  expect(seen(outcome, 'effective')).toEqual([`0${KEPT.namespaces}`])
})

test('a user may open its own stderr by name', async () => {
  const root = makeRoot(programs, 'stderr')
  const plan = planFor(root, 'namespaces', { User: 'www', Cmd: ['stderr'] })
  expect((await run(programs, plan, { pipes: true })).stdout).toBe('stderr open\n')
})

test.each([
  ['www', '33 33 33', '33 33 33', ['50 60']],
  ['33', '33 33 33', '33 33 33', ['50 60']],
  ['1000', '1000 1000 1000', '0 0 0', []],
  ['1000:1001', '1000 1000 1000', '1001 1001 1001', []],
  ['www:web', '33 33 33', '60 60 60', []],
])('user %s', async (user, uid, gid, groups) => {
  const root = makeRoot(programs, `user-${user.replace(':', '-')}`)
  const outcome = await run(programs, planFor(root, 'namespaces', { User: user }))
  expect(seen(outcome, 'uid')).toEqual([uid])
  expect(seen(outcome, 'gid')).toEqual([gid])
  expect(seen(outcome, 'groups')).toEqual(groups)
})

test('a program is found in the PATH of the image', async () => {
  const root = makeRoot(programs, 'path')
  const config = {
    Entrypoint: ['probe'],
    Cmd: ['exit', '4'],
    Env: ['PATH=/nowhere:/etc/passwd:/bin'],
  }
  expect(await run(programs, planFor(root, 'chroot', config))).toMatchObject({ status: 4 })
})

test.each([
  ['on Linux 3.10', { oldKernel: true }],
  ['by the built file', { built: true, tainted: true }],
  ['by the built file on Linux 3.10', { built: true, oldKernel: true }],
])('an app is started %s', async (_, options) => {
  for (const isolation of ['namespaces', 'chroot'] as const) {
    const root = makeRoot(programs, `${isolation}-${Object.keys(options).join('-')}`)
    const outcome = await run(programs, planFor(root, isolation, { User: 'www' }), options)
    expect(outcome).toMatchObject({ stderr: '', status: 0 })
    expect(seen(outcome, 'groups')).toEqual(['50 60'])
    expect(seen(outcome, 'bounding')).toEqual([KEPT[isolation]])
    expect(seen(outcome, 'fd')).toEqual(['0', '1', '2'])
    expect(seen(outcome, 'env').filter((word) => /SOLOCLOUD|LD_|NODE_/.test(word))).toEqual([])
  }
})
