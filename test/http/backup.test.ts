// A backup on its way from the node to a file: whole, or not there.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AppError } from '../../init/supervisor/apps.ts'
import { BenchNode } from './bench-node.ts'
import { cloud, resultOf, spawnCloud } from './cli.ts'

const MIB = 1024 ** 2
let bench: BenchNode
let file: string

beforeEach(async () => {
  bench = await BenchNode.start()
  file = join(bench.directory, 'node.tar')
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
  expect(bench.log.errors).toEqual([])
})

/** So many pieces of a MiB, and then an error or none. */
async function* pieces(count: number, error: Error | null = null): AsyncGenerator<Buffer> {
  for (let i = 0; i < count; i++) yield await Promise.resolve(Buffer.alloc(MIB, i))
  if (error !== null) throw error
}

test('to standard output, with its words elsewhere', async () => {
  const { code, out, err } = await cloud(['node', 'backup', bench.address])
  expect({ code, out, err }).toEqual({
    ...{ code: 0, out: 'a tar', err: `${bench.address}: 5 B backed up\n` },
  })
  expect(bench.node.cancelled).toBe(1)
})

test('to a file, which only its owner can read', async () => {
  bench.node.archive = () => pieces(40)
  writeFileSync(file, 'the one before')
  const { code, out } = await cloud(['node', 'backup', bench.address, '-o', file, '--json'])
  expect([code, JSON.parse(out)]).toEqual([
    0,
    { node: bench.address, event: 'backed-up', bytes: 40 * MIB, file },
  ])
  expect(statSync(file)).toMatchObject({ size: 40 * MIB })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file)[39 * MIB]).toBe(39)
})

test('one that is not whole is an error, and leaves the file before', async () => {
  bench.node.archive = () => pieces(3, new AppError('backup-failed', 'The packer was killed.'))
  writeFileSync(file, 'the one before')
  const { code, err } = await cloud(['node', 'backup', bench.address, '-o', file])
  expect([code, err]).toEqual([3, expect.stringContaining('the connection broke')])
  expect(readFileSync(file, 'utf8')).toBe('the one before')
  expect(existsSync(`${file}.partial`)).toBe(false)
})

test('one that can not begin says why', async () => {
  bench.node.backup = () => Promise.reject(new AppError('memory-low', 'Stop an app first.'))
  const { code, out, err } = await cloud(['node', 'backup', bench.address])
  expect({ code, out, err }).toEqual({ code: 1, out: '', err: 'cloud: Stop an app first.\n' })
})

test('a file that can not be written', async () => {
  const path = join(bench.directory, 'missing/node.tar')
  const { code, err } = await cloud(['node', 'backup', bench.address, '-o', path])
  expect([code, err]).toEqual([1, `cloud: ${path} can't be written: ENOENT.\n`])
})

test('it is made no faster than it is read, and ends with its reader', async () => {
  let made = 0
  bench.node.archive = async function* () {
    for await (const piece of pieces(500)) {
      made++
      yield piece
    }
  }
  const child = spawnCloud(['node', 'backup', bench.address])
  await vi.waitFor(() => expect(made).toBeGreaterThan(0), 10_000)
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(made).toBeLessThan(100)
  const ended = resultOf(child)
  child.kill('SIGKILL')
  await ended
  await vi.waitFor(() => expect(bench.node.cancelled).toBeGreaterThan(0), 10_000)
  expect(made).toBeLessThan(200)
})

test('HEAD asks for nothing', async () => {
  const { status, headers, text } = await bench.fetch('HEAD', '/v1/node/backup')
  expect([status, headers['content-type'], text]).toEqual([200, 'application/x-tar', ''])
  expect(bench.node.cancelled).toBe(1)
})

test('what is no archive is not written', async () => {
  bench.node.archive = () => Readable.from([])
  const { code, out } = await cloud(['node', 'backup', bench.address])
  expect([code, out]).toEqual([0, ''])
})
