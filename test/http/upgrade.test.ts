import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { NodeStatus, UpgradeStatus } from '../../protocol/api.ts'
import { AppError } from '../../init/supervisor/apps.ts'
import { BenchNode } from './bench-node.ts'
import { cloud } from './cli.ts'

let bench: BenchNode
let file: string
const content = Buffer.alloc(3_000_000, 'init')

beforeEach(async () => {
  bench = await BenchNode.start()
  file = join(bench.directory, 'init')
  await writeFile(file, content)
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
  expect(bench.log.errors).toEqual([])
})

/** What the next life says of the upgrade. */
function next(state: UpgradeStatus['state'], reason: string | null = null, lives = 1): void {
  bench.node.next = (now): NodeStatus => {
    const version = state === 'confirmed' ? '0.2.0' : '0.1.0'
    const init = { ...now.init, version, upgrade: { state, reason } }
    return { ...now, version, life: now.life + lives, init }
  }
}

/** Its output, a line each, with the node's address taken out. */
async function run(
  ...words: string[]
): Promise<{ code: number | null; out: string[]; err: string }> {
  const { code, out, err } = await cloud(['upgrade', bench.address, ...words])
  return { code, out: out.replaceAll(`${bench.address}: `, '').trim().split('\n'), err }
}

test('upgrade sends a file and waits until it is confirmed', async () => {
  next('trial')
  const upgrading = run(file)
  await expect.poll(() => bench.node.now.init.upgrade.state).toBe('trial')
  next('confirmed', null, 0)
  bench.node.now = bench.node.next(bench.node.now)
  expect(await upgrading).toEqual({
    code: 0,
    out: [
      'sending 2.9 MiB',
      'checking the file',
      'testing it on the node',
      'going on in version 0.2.0',
      'runs 0.2.0, life 2',
    ],
    err: '',
  })
})

test('upgrade --rollback, and --json', async () => {
  next('confirmed')
  const { code, out } = await run('--rollback', '--json')
  expect(code).toBe(0)
  const node = bench.address
  expect(out.map((line) => JSON.parse(line) as unknown)).toEqual([
    { node, event: 'checking' },
    { node, event: 'testing' },
    { node, event: 'restarting', version: '0.2.0', life: 1 },
    { node, event: 'confirmed', version: '0.2.0', life: 2 },
  ])
})

test.each<[string, () => void, RegExp]>([
  ['went back', () => next('went-back', 'it did not answer', 2), /back to 0\.1\.0: it did not/],
  ['was not executed', () => next('went-back', 'ENOEXEC', 0), /back to 0\.1\.0: ENOEXEC/],
  ['died before', () => next('none'), /PID 1 died before the upgrade began/],
  ['was started anew', () => next('none', null, -1), /was started anew/],
  ['has no name', () => next('confirmed', 'the next boot starts the old'), /runs, but: the next/],
])('a new file that %s is a failure', async (_, prepare, why) => {
  prepare()
  const { code, err } = await run(file)
  expect([code, why.test(err)]).toEqual([1, true])
  expect(err.trim().split('\n')).toHaveLength(1)
})

test('a refusal before the file is sent, and one after it', async () => {
  bench.node.beforeUpload = () => Promise.reject(new AppError('disk-full', 'There is no room.'))
  expect(await run(file)).toEqual({ code: 1, out: [''], err: 'cloud: There is no room.\n' })
  bench.node.beforeUpload = () => Promise.resolve()
  bench.node.check = () => Promise.reject(new AppError('wrong-architecture', 'It is for arm64.'))
  const late = await run(file)
  expect(late).toMatchObject({ code: 1, err: 'cloud: It is for arm64.\n' })
  expect(late.out).toEqual(['sending 2.9 MiB', 'checking the file'])
})

test('wrong words', async () => {
  expect((await run()).code).toBe(2)
  expect((await run(file, file)).code).toBe(2)
  expect((await run('--rollback', file)).code).toBe(2)
  expect((await run(bench.directory)).err).toMatch(/is not a file with something in it/)
  expect((await run(join(bench.directory, 'nowhere'))).err).toMatch(/There is no file/)
})

test.each([
  ['no length', {}, '411 length-required'],
  ['nothing', { 'content-length': '0' }, '400 empty-body'],
  ['too much', { 'content-length': '300000000' }, '413 init-too-big'],
  ['no digest', { 'content-length': '5' }, '400 digest-required'],
  ['a bad digest', { 'content-length': '5', 'repr-digest': 'x' }, '400 bad-digest'],
])('curl that sends %s is refused', async (_, headers, expected) => {
  const all = { expect: '100-continue', ...headers }
  const answer = await bench.fetch('PUT', '/v1/node/init', { headers: all })
  expect(`${answer.status} ${(answer.json() as { code: string }).code}`).toBe(expected)
})

test('the node shows what became of an upgrade', async () => {
  const shown = async (): Promise<string> => (await cloud(['node', bench.address])).out
  expect(await shown()).not.toContain('Upgrade')
  next('went-back', 'it did not answer')
  bench.node.now = bench.node.next(bench.node.now)
  expect(await shown()).toMatch(/^Upgrade +failed and went back: it did not answer$/m)
})
