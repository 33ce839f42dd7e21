// What `cloud` and the management server do about a node that was installed over another system.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { AppError } from '../../init/supervisor/apps.ts'
import { BenchNode } from './bench-node.ts'
import { cloud } from './cli.ts'

const TRIAL = {
  method: 'kexec' as const,
  state: 'trial' as const,
  trialEndsAt: '2026-01-02T03:19:05.000Z',
}
let bench: BenchNode

beforeEach(async () => {
  bench = await BenchNode.start()
  bench.node.now = { ...bench.node.now, installation: TRIAL }
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
  expect(bench.log.errors).toEqual([])
})

test('every request of cloud confirms, and says which it was', async () => {
  expect((await cloud(['ps', bench.address])).code).toBe(0)
  await cloud(['stop', bench.address, 'foo'])
  expect(bench.node.confirmed).toEqual([
    'cloud/0.1.0: GET /v1/apps',
    'cloud/0.1.0: DELETE /v1/apps/foo',
  ])
})

test("others' requests do not, and neither does one that makes no sense", async () => {
  await bench.fetch('GET', '/v1/node')
  await bench.fetch('GET', '/v1/node', { headers: { 'user-agent': 'curl/8.1' } })
  const headers = { 'user-agent': 'cloud/0.1.0' }
  await bench.fetch('GET', '/v1/nothing', { headers })
  await bench.fetch('PATCH', '/v1/node', { headers })
  await bench.fetch('GET', '/v1/node', { headers: { ...headers, origin: 'http://page' } })
  expect(bench.node.confirmed).toEqual([])
})

test('cloud node shows the trial, and then that it is confirmed', async () => {
  const { out } = await cloud(['node', bench.address])
  expect(out).toMatch(/^Installed +by kexec, on trial until 2026-01-02T03:19:05.000Z$/m)
  expect(await cloud(['confirm', bench.address])).toEqual({
    ...{ code: 0, out: `${bench.address}: confirmed\n`, err: '' },
  })
  expect((await cloud(['node', bench.address])).out).toMatch(/^Installed +by kexec, confirmed$/m)
})

test('confirm --json, and without an installation', async () => {
  const { out } = await cloud(['confirm', bench.address, '--json'])
  expect(JSON.parse(out)).toEqual({
    ...{ node: bench.address, method: 'kexec', state: 'confirmed', trialEndsAt: null },
  })
  bench.node.now = { ...bench.node.now, installation: null }
  const { code, err } = await cloud(['confirm', bench.address])
  expect([code, err]).toEqual([1, 'cloud: It was not installed.\n'])
})

test('confirm by any other client', async () => {
  const { status, text } = await bench.fetch('POST', '/v1/node/confirm')
  expect([status, JSON.parse(text)]).toMatchObject([200, { state: 'confirmed' }])
  expect(bench.node.confirmed).toEqual(['a request that is not of cloud: POST /v1/node/confirm'])
})

test('purge, with what it leaves', async () => {
  bench.node.purged = () =>
    Promise.resolve({
      ...{
        entries: 4321,
        freedBytes: 700 * 1024 ** 2,
        leftCount: 3,
        otherMounts: ['/home', '/srv'],
      },
      left: [{ path: '/etc/x\u001b', reason: 'it is immutable (chattr +i)' }],
    })
  const words = ['node', 'purge', bench.address, '--keep', '/opt/a b&c', '--keep', '/root', '--yes']
  const { code, out, err } = await cloud(words)
  expect([code, err]).toEqual([0, ''])
  expect(out.replaceAll(bench.address, 'NODE')).toBe(
    'NODE: the old system is removed: 4321 files, 700.0 MiB freed\n' +
      'NODE: /etc/x? stays: it is immutable (chattr +i)\n' +
      'NODE: 2 more stay\n' +
      'NODE: left alone: /home, /srv\n',
  )
  expect(bench.node.kept).toEqual(['/opt/a b&c', '/root'])
  // It does not confirm: what it would remove is what a trial goes back to.
  expect(bench.node.confirmed).toEqual([])
})

test('purge --json, and one that fails', async () => {
  const { out } = await cloud(['node', 'purge', bench.address, '-y', '--json'])
  const events = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  const node = bench.address
  expect(events).toEqual([
    { node, event: 'removing', entries: 1, freedBytes: 2048 },
    {
      node,
      event: 'purged',
      entries: 2,
      freedBytes: 4096,
      left: [],
      leftCount: 0,
      otherMounts: [],
    },
  ])
  bench.node.purged = () => Promise.reject(new AppError('purge-failed', 'The disk is gone.'))
  const failed = await cloud(['node', 'purge', bench.address, '--yes'])
  expect([failed.code, failed.err]).toEqual([1, 'cloud: The disk is gone.\n'])
})

test('a purge or an uninstall without a yes does nothing', async () => {
  for (const command of ['purge', 'uninstall']) {
    const { code, err } = await cloud(['node', command, bench.address])
    expect([code, err]).toEqual([2, expect.stringContaining('Say so with --yes')])
  }
  expect([bench.node.kept, bench.node.acts]).toEqual([[], []])
})

test.each(['relative', '/', '/a/../b', '/%00', ''])('keep=%s is refused', async (path) => {
  const { status } = await bench.fetch('POST', `/v1/node/purge?keep=${path}`)
  expect(status).toBe(400)
})

test('a purge that is misspelt removes nothing', async () => {
  const { status, text } = await bench.fetch('POST', '/v1/node/purge?kept=/home')
  expect([status, text]).toEqual([400, expect.stringContaining('no \\"kept\\"')])
})

test('uninstall, and when it is too late for it', async () => {
  expect(await cloud(['node', 'uninstall', bench.address, '--yes'])).toEqual({
    ...{ code: 0, out: `${bench.address}: going down to reboot into the old system\n`, err: '' },
  })
  expect([bench.node.acts, bench.node.confirmed]).toEqual([['uninstall'], []])
  bench.node.now = { ...bench.node.now, installation: { ...TRIAL, state: 'purged' } }
  const late = await cloud(['node', 'uninstall', bench.address, '--yes', '--json'])
  expect([late.code, JSON.parse(late.err)]).toMatchObject([1, { error: { code: 'purged' } }])
})
