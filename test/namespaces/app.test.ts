// What an app on a real node has, what it can't do, and that nothing of it survives a stop.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { probeImage } from '../probe-image.ts'
import { cloud } from '../run-cloud.ts'
import { NodeFixture } from './node-fixture.ts'

const APPS = [
  { name: 'in-namespaces', port: 8010, isolation: 'namespaces' },
  { name: 'in-chroot', port: 8011, isolation: 'chroot' },
] as const

let fixture: NodeFixture
beforeAll(async () => {
  fixture = await NodeFixture.make('app')
  await mkdir(join(fixture.scratch, 'images'))
  for (const app of APPS) {
    const image = await probeImage(join(fixture.scratch, 'images'), { ...app, env: ['GIVEN=yes'] })
    await cloud('start', fixture.node.manage, image)
  }
})
afterAll(() => fixture[Symbol.asyncDispose]())

const isolationOf = async (name: string) => (await fixture.app(name)).isolation

test.each(APPS)('$name runs in the isolation that it asked for', async ({ name, isolation }) => {
  expect(await isolationOf(name)).toBe(isolation)
})

test.each(APPS)('$name inherits nothing of PID 1', async ({ name, port }) => {
  const lines = (await fixture.node.get(port, '/inherited')).trim().split('\n')
  const startingWith = (word: string) => lines.filter((line) => line.startsWith(word)).sort()
  expect(startingWith('env ')).toEqual([
    'env GIVEN=yes',
    'env HOME=/',
    `env HOSTNAME=${name}`,
    'env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    `env PORT=${port}`,
  ])
  // 0 to 2, the listening socket and the connection.
  expect(startingWith('fd ')).toEqual(['fd 0', 'fd 1', 'fd 2', 'fd 3', 'fd 4'])
  expect(startingWith('Sig')).toContain('SigBlk:\t0000000000000000')
  expect(startingWith('Sig')).toContain('SigIgn:\t0000000000000000')
  expect(startingWith('oom_score_adj')).toEqual(['oom_score_adj 0'])
  expect(startingWith('Max open files')[0]).toMatch(/^Max open files +1024 /)
  expect(startingWith('NoNewPrivs')).toEqual(['NoNewPrivs:\t1'])
})

/** Same for both but where said: what an attacker inside gets. */
const REFUSALS = {
  socket: 'ENOENT',
  'run-directory': 'ENOENT',
  'proc-root': expect.stringMatching(/^(EACCES|ENOENT)$/) as string,
  port: 'ECONNREFUSED',
  'init-memory': expect.stringMatching(/^(EACCES|EPERM|EROFS)$/) as string,
  'init-environment': expect.stringMatching(/^(EACCES|EPERM)$/) as string,
  sysrq: expect.stringMatching(/^(EROFS|ENOENT)$/) as string,
  'core-pattern': 'EROFS',
  'kernel-memory': expect.stringMatching(/^(EPERM|ENOENT)$/) as string,
  sys: expect.stringMatching(/^(EROFS|ENOENT)$/) as string,
  mount: 'EPERM',
  disk: 'EPERM',
  trace: 'EPERM',
}

test.each(APPS)("$name, as root, can't manage the node", async ({ port, isolation }) => {
  const lines = (await fixture.node.get(port, '/manage')).trim().split('\n')
  // In a mount namespace of its own, chroot leads nowhere.
  const chroot = isolation === 'chroot' ? 'EPERM' : 'allowed'
  expect(Object.fromEntries(lines.map((line) => line.split('\t')))).toEqual({ ...REFUSALS, chroot })
})

test('a signal of an app does not end the node', async () => {
  expect(await fixture.node.get(8011, '/signal-init')).toContain('signal-init')
  expect(await fixture.apps()).toHaveLength(APPS.length)
  expect(fixture.node.console.tail).toMatch(/SIGTERM is ignored/)
})

test('log lines come with their stream, and the last ones first found', async () => {
  await fixture.node.get(8010, '/log?lines=1000')
  const text = await cloud('logs', fixture.node.manage, 'in-namespaces', '-n', '3')
  expect(text).toBe('line 998\nline 999\nline 1000\n')
})

test.each(APPS)('a stop ends every process of $name, daemons too', async ({ name, port }) => {
  await fixture.node.get(port, '/daemonise')
  const image = join(fixture.scratch, `images/${name}.tar`)
  expect(fixture.processes(/\/bin\/probe/).length).toBeGreaterThanOrEqual(2)
  await cloud('stop', fixture.node.manage, name)
  const others = (await fixture.apps()).length
  await expect.poll(() => fixture.processes(/\/bin\/probe/).length).toBe(others)
  await cloud('start', fixture.node.manage, image)
})

test('powering off ends everything and leaves the disk as it was', async () => {
  const { code } = await fixture.node.stop()
  expect(code).toBe(0)
  expect(fixture.processes(/./)).toEqual([])
})
