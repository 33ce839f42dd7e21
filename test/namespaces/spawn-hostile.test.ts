// Roots that lie and plans that fail: nothing outside the root is touched, and the failing step is told.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { refreshPlan } from '../../chroot-runner/app-plan.ts'
import { explain } from '../../chroot-runner/explain.ts'
import type { SpawnPlan, Step } from '../../chroot-runner/plan.ts'
import { scratch } from '../native/build-addon.ts'
import {
  buildPrograms,
  indexOf,
  makeRoot,
  planFor,
  run,
  seen,
  type Outcome,
  type Programs,
} from './spawn-harness.ts'

const ENOENT = 2
const ESRCH = 3
const EACCES = 13
const ENOTDIR = 20
const EINVAL = 22
const EFBIG = 27
const ELOOP = 40

const place = scratch('spawn-hostile')
let programs: Programs
let outside = ''
let count = 0

beforeAll(() => {
  programs = buildPrograms(place.dir)
  outside = join(place.dir, 'outside')
  mkdirSync(outside)
  writeFileSync(join(outside, 'precious'), 'untouched')
})
afterAll(() => {
  expect(readdirSync(outside)).toEqual(['precious'])
  expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('untouched')
  place.remove()
})

const newRoot = (): string => makeRoot(programs, `root-${count++}`)

/** An absolute link as the node would see it, and the way up out of the root. */
const escapes = (): string[] => [outside, '../outside', '../../outside']

function failedAt(outcome: Outcome, plan: SpawnPlan, index: number, errno: number): void {
  expect(outcome.report).toEqual([`E ${index} ${errno}`])
  expect(outcome.stdout).toBe('')
  expect(explain(plan, index, errno)).toMatch(/^\w[^|]{10,}$/)
}

describe.each(['namespaces', 'chroot'] as const)('in the isolation %s', (isolation) => {
  test.each(['dev', 'proc', 'sys'])('a link at /%s is refused', async (name) => {
    for (const target of escapes()) {
      const root = newRoot()
      symlinkSync(target, join(root, name))
      const plan = planFor(root, isolation)
      failedAt(await run(programs, plan), plan, indexOf(plan, 'mount', name), ELOOP)
    }
  })

  test('a file at /dev is refused', async () => {
    const root = newRoot()
    writeFileSync(join(root, 'dev'), '')
    const plan = planFor(root, isolation)
    failedAt(await run(programs, plan), plan, indexOf(plan, 'mount', 'dev'), ENOTDIR)
  })

  test('a link at /etc/resolv.conf is replaced, not followed', async () => {
    for (const target of [join(outside, 'precious'), '../../outside/precious', 'nowhere']) {
      const root = newRoot()
      symlinkSync(target, join(root, 'etc/resolv.conf'))
      const outcome = await run(programs, planFor(root, isolation))
      expect(seen(outcome, 'resolv.conf')).toEqual(['nameserver 10.0.2.3|'])
      expect(lstatSync(join(root, 'etc/resolv.conf')).isFile()).toBe(true)
      expect(readdirSync(join(root, 'etc')).toSorted()).toEqual([
        'group',
        'hosts',
        'passwd',
        'resolv.conf',
      ])
    }
  })

  test('a link at /etc is refused', async () => {
    const root = newRoot()
    rmSync(join(root, 'etc'), { recursive: true })
    symlinkSync(outside, join(root, 'etc'))
    const plan = planFor(root, isolation)
    failedAt(await run(programs, plan), plan, indexOf(plan, 'write', 'etc/resolv.conf'), ELOOP)
  })

  test('a link at /etc/passwd stays inside', async () => {
    const root = newRoot()
    rmSync(join(root, 'etc/passwd'))
    symlinkSync('/srv/../../../../../srv/passwd', join(root, 'etc/passwd'))
    writeFileSync(join(root, 'srv/passwd'), 'www:x:44:44::/:/bin/sh\n')
    const outcome = await run(programs, planFor(root, isolation, { User: 'www' }))
    expect(seen(outcome, 'uid')).toEqual(['44 44 44'])
  })

  const failures: [string, Parameters<typeof planFor>[2], Step['op'], number][] = [
    ['a program that is missing', { Entrypoint: ['/bin/nothing'] }, 'exec', ENOENT],
    ['a name that is not in PATH', { Entrypoint: ['nothing'] }, 'exec', ENOENT],
    ['a program that is not executable', { Entrypoint: ['/etc/passwd'] }, 'exec', EACCES],
    ['a directory that is missing', { WorkingDir: '/nothing' }, 'chdir', ENOENT],
    ['a user that is missing', { User: 'nobody' }, 'user', ENOENT],
    ['a group that is missing', { User: 'www:nobody' }, 'user', ESRCH],
    ['a user that is none', { User: '4294967295' }, 'user', ENOENT],
  ]
  test.each(failures)('%s', async (_, config, op, errno) => {
    const plan = planFor(newRoot(), isolation, config)
    failedAt(await run(programs, plan), plan, indexOf(plan, op), errno)
  })

  test('a generation that is gone', async () => {
    const plan = planFor(join(place.dir, 'nothing'), isolation)
    const op = isolation === 'namespaces' ? 'enter-mount-namespace' : 'enter-directory'
    failedAt(await run(programs, plan), plan, indexOf(plan, op), ENOENT)
  })

  test('an account file without end', async () => {
    const root = newRoot()
    writeFileSync(join(root, 'etc/passwd'), Buffer.alloc((1 << 20) + 1, 'x'))
    const plan = planFor(root, isolation, { User: 'www' })
    failedAt(await run(programs, plan), plan, indexOf(plan, 'user'), EFBIG)
  })

  test('an account file that is none', async () => {
    const root = newRoot()
    rmSync(join(root, 'etc/passwd'))
    mkdirSync(join(root, 'etc/passwd'))
    const plan = planFor(root, isolation, { User: 'www' })
    failedAt(await run(programs, plan), plan, indexOf(plan, 'user'), EINVAL)
  })
})

test('devices in a root without a /dev of its own replace links, and follow none', async () => {
  const root = newRoot()
  mkdirSync(join(root, 'dev'))
  symlinkSync(join(outside, 'made'), join(root, 'dev/null'))
  const plan = planFor(root, 'chroot')
  const steps = plan.steps.filter((step) => step.op !== 'mount')
  const outcome = await run(programs, { ...plan, steps })
  expect(seen(outcome, 'null')).toEqual(['1'])
  expect(lstatSync(join(root, 'dev/null')).isCharacterDevice()).toBe(true)
  expect(existsSync(join(outside, 'made'))).toBe(false)
})

test('without namespaces, a second start finds the mounts of the first', async () => {
  const plan = planFor(newRoot(), 'chroot')
  const outcome = await run(programs, plan, { twice: true })
  const mounts = seen(outcome, 'mounts')
  expect(mounts).toHaveLength(2)
  expect(mounts[0]?.split('|')).toHaveLength(6)
  expect(mounts[1]).toBe(mounts[0])
  expect(outcome.status).toBe(0)
})

test('a refresh replaces one file and ends well', async () => {
  const root = newRoot()
  symlinkSync(join(outside, 'precious'), join(root, 'etc/resolv.conf'))
  const plan = refreshPlan({ root, resolvConf: 'nameserver ::1\n' })
  expect(await run(programs, plan)).toEqual({ stdout: '', stderr: '', report: [], status: 0 })
  const path = join(root, 'etc/resolv.conf')
  expect(readFileSync(path, 'utf8')).toBe('nameserver ::1\n')
  expect(lstatSync(path).mode & 0o7777).toBe(0o644)
})

test('a file that says the same already is not written again', async () => {
  const root = newRoot()
  const plan = refreshPlan({ root, resolvConf: 'nameserver ::1\n'.repeat(100) })
  await run(programs, plan)
  const path = join(root, 'etc/resolv.conf')
  utimesSync(path, 1, 1)
  const { ino } = lstatSync(path)
  await run(programs, plan)
  expect(lstatSync(path)).toMatchObject({ ino, mtimeMs: 1000 })
  await run(
    programs,
    refreshPlan({ root, resolvConf: `${'nameserver ::1\n'.repeat(99)}nameserver ::2\n` }),
  )
  expect(readFileSync(path, 'utf8').endsWith('::2\n')).toBe(true)
})

const bare = (steps: Step[]): SpawnPlan => ({ namespaces: 0, env: [], steps })

test('the cgroup is joined by its own file', async () => {
  const cgroup = join(place.dir, 'cgroup')
  mkdirSync(cgroup)
  writeFileSync(join(cgroup, 'cgroup.procs'), '')
  const plan = bare([{ op: 'cgroup', path: cgroup }, { op: 'exit' }])
  expect(await run(programs, plan)).toMatchObject({ status: 0, report: [] })
  expect(readFileSync(join(cgroup, 'cgroup.procs'), 'utf8')).toBe('0')
  const missing = bare([{ op: 'setsid' }, { op: 'cgroup', path: outside }])
  failedAt(await run(programs, missing), missing, 1, ENOENT)
})

test('a plan without an end, or with words that do not fit, fails at that step', async () => {
  const endless = bare([{ op: 'setsid' }])
  failedAt(await run(programs, endless), endless, 1, EINVAL)
  const unknown = bare([{ op: 'setsid' }, { op: 'chdir', path: '/' }, { op: 'chroot' }])
  failedAt(await run(programs, unknown), unknown, 2, EINVAL)
  const upwards = planFor(newRoot(), 'namespaces')
  const mount = indexOf(upwards, 'mount', 'dev')
  const steps = upwards.steps.map((step) =>
    step.op === 'mount' && step.target === 'dev' ? { ...step, target: 'srv/../../x' } : step,
  )
  failedAt(await run(programs, { ...upwards, steps }), { ...upwards, steps }, mount, EINVAL)
})
