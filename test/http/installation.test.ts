// What `cloud` and the management server do about a node that was installed over another system.
import { afterEach, beforeEach, expect, test } from 'vitest'
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
