// Pushes that go wrong, on a real node: what ran goes on, and nothing is left behind.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { request, type ClientRequest } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { probeImage } from '../probe-image.ts'
import { cloud, runCloud } from '../run-cloud.ts'
import { NodeFixture } from './node-fixture.ts'

const PORT = 8010
let fixture: NodeFixture
let images: string
let good: string
let goodChroots: string[]

beforeAll(async () => {
  fixture = await NodeFixture.make('push')
  images = join(fixture.scratch, 'images')
  await mkdir(images)
  const options = { name: 'probe', port: PORT, env: ['VERSION=1'], ending: '.txz' }
  good = await probeImage(images, options)
  await cloud('start', fixture.node.manage, good)
  goodChroots = fixture.chroots()
})
afterAll(() => fixture[Symbol.asyncDispose]())
let pidBefore: number | null
beforeEach(async () => {
  pidBefore = (await fixture.app('probe')).pid
})

/** The app was never touched, and neither was the disk. */
async function expectNothingChanged(): Promise<void> {
  await expect.poll(() => fixture.chroots()).toEqual(goodChroots)
  expect((await fixture.app('probe')).pid).toBe(pidBefore)
  expect(fixture.processes(/solocloud unpack/)).toEqual([])
  expect(await fixture.node.get(PORT, '/version')).toBe('1\n')
}

function put(name: string, headers: Record<string, string | number>): ClientRequest {
  const socketPath = fixture.node.path('/run/solocloud/manage.sock')
  return request({ socketPath, method: 'PUT', path: `/v1/apps/${name}`, headers })
}

test('a connection that breaks', async () => {
  const bytes = readFileSync(good)
  const push = put('probe', { 'content-length': bytes.length })
  push.on('error', () => undefined)
  push.write(bytes.subarray(0, bytes.length / 2))
  await expect.poll(() => fixture.processes(/solocloud unpack/).length).toBe(1)
  push.destroy()
  await expectNothingChanged()
})

test('an unpacker that is killed', async () => {
  const bytes = readFileSync(good)
  const push = put('probe', { 'content-length': bytes.length })
  push.write(bytes.subarray(0, bytes.length / 2))
  await expect.poll(() => fixture.processes(/solocloud unpack/).length).toBe(1)
  const [unpacker = 0] = fixture.processes(/solocloud unpack/)
  process.kill(unpacker, 'SIGKILL')
  const [reply] = (await once(push, 'response')) as [NodeJS.ReadableStream]
  let text = ''
  for await (const chunk of reply) text += String(chunk)
  push.destroy()
  expect(text).toMatch(/"code":"unpack-failed".*SIGKILL/)
  await expectNothingChanged()
})

test('an image that is cut short', async () => {
  const cut = join(images, 'cut/probe.txz')
  await mkdir(join(images, 'cut'))
  await copyFile(good, cut)
  truncateSync(cut, Math.floor(readFileSync(good).length * 0.7))
  const { code, stderr } = await runCloud(['start', fixture.node.manage, cut])
  expect(code).toBe(1)
  expect(stderr).toMatch(/probe: .*(truncated|cut|ends|end of)/)
  await expectNothingChanged()
})

test('an image with a changed byte', async () => {
  const bad = join(images, 'bad/probe.txz')
  await mkdir(join(images, 'bad'))
  const bytes = readFileSync(good)
  const at = Math.floor(bytes.length / 2)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at)
  writeFileSync(bad, bytes)
  const { code, stderr } = await runCloud(['start', fixture.node.manage, bad])
  expect(code).toBe(1)
  expect(stderr).toMatch(/corrupt/)
  await expectNothingChanged()
})

test("a digest that is not the image's", async () => {
  const bytes = readFileSync(good)
  const wrong = createHash('sha256').update('something else').digest('base64')
  const headers = { 'content-length': bytes.length, 'repr-digest': `sha-256=:${wrong}:` }
  const push = put('probe', headers)
  push.end(bytes)
  const [reply] = (await once(push, 'response')) as [NodeJS.ReadableStream]
  let text = ''
  for await (const chunk of reply) text += String(chunk)
  expect(text).toMatch(/"code":"digest-mismatch"/)
  await expectNothingChanged()
})

test('something that is no image', async () => {
  const file = join(images, 'noise.txz')
  const fd = openSync(file, 'w')
  writeSync(fd, 'this is not an archive at all\n'.repeat(100))
  closeSync(fd)
  const { code, stderr } = await runCloud(['start', fixture.node.manage, file])
  expect(code).toBe(1)
  expect(stderr).not.toMatch(/\n\s+at /)
  await expectNothingChanged()
})

test('a new generation that does not stay up is taken back, and the push says why', async () => {
  const env = ['CRASH_AT_START=1', 'VERSION=2']
  const crashing = await probeImage(join(images, 'cut'), { name: 'probe', port: PORT, env })
  const { code, stderr } = await runCloud(['start', fixture.node.manage, crashing])
  expect(code).toBe(1)
  expect(stderr).toContain('exited with status 3')
  expect(stderr).toContain('cannot start: CRASH_AT_START is set')
  pidBefore = (await fixture.app('probe')).pid // The old generation was stopped for it.
  await expectNothingChanged()
})

test('a first push that does not stay up leaves nothing', async () => {
  const options = { name: 'newcomer', port: 8019, env: ['CRASH_AT_START=1'] }
  const { code, stderr } = await runCloud([
    'start',
    fixture.node.manage,
    await probeImage(images, options),
  ])
  expect(code).toBe(1)
  expect(stderr).toContain('cannot start')
  expect((await fixture.apps()).map(({ name }) => name)).toEqual(['probe'])
  await expectNothingChanged()
})

test('of two pushes of one app, the later is refused', async () => {
  const first = put('probe', { 'content-length': 1000 })
  first.on('error', () => undefined)
  first.write('x')
  await expect.poll(async () => (await fixture.app('probe')).deploying).toBe(true)
  const { code, stderr } = await runCloud(['start', fixture.node.manage, good])
  expect(code).toBe(1)
  expect(stderr).toMatch(/under way/)
  first.destroy()
  await expect.poll(async () => (await fixture.app('probe')).deploying).toBe(false)
  await expectNothingChanged()
})

test('a redeploy, a rollback, and a reboot of the node', async () => {
  const dir = join(images, 'next')
  await mkdir(dir)
  const next = await probeImage(dir, { name: 'probe', port: PORT, env: ['VERSION=2'] })
  await cloud('start', fixture.node.manage, next)
  expect(await fixture.node.get(PORT, '/version')).toBe('2\n')
  await cloud('rollback', fixture.node.manage, 'probe')
  expect(await fixture.node.get(PORT, '/version')).toBe('1\n')
  await fixture.reboot()
  await expect.poll(async () => (await fixture.app('probe')).state).toBe('running')
  expect(await fixture.node.get(PORT, '/version')).toBe('1\n')
  expect((await fixture.app('probe')).previousGeneration).not.toBe(null)
})

test('two apps are pushed at once', async () => {
  const [one, two] = await Promise.all([
    probeImage(images, { name: 'one', port: 8011 }),
    probeImage(images, { name: 'two', port: 8012 }),
  ])
  await Promise.all([one, two].map((image) => cloud('start', fixture.node.manage, image)))
  expect((await fixture.apps()).map(({ name, state }) => `${name} ${state}`)).toEqual([
    'one running',
    'probe running',
    'two running',
  ])
  await cloud('stop', fixture.node.manage, 'one')
  await cloud('stop', fixture.node.manage, 'two.tar')
  expect(fixture.chroots().filter((path) => /one|two/.test(path))).toEqual([])
})
