// A node whose state database is lost, in every way that a disk can lose one: it comes up with what ran.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodeHistory } from '../../protocol/wire.ts'
import { probeImage } from '../probe-image.ts'
import { cloud, cloudJson } from '../run-cloud.ts'
import { NodeFixture } from './node-fixture.ts'

const [PORT, OTHER_PORT] = [8020, 8021]
let fixture: NodeFixture
let images: string

beforeAll(async () => {
  fixture = await NodeFixture.make('lost-state')
  images = join(fixture.scratch, 'images')
  await mkdir(images)
  for (const version of ['1', '2']) await push('probe', PORT, version)
  await push('other', OTHER_PORT, '7')
})
afterAll(() => fixture[Symbol.asyncDispose]())

async function push(name: string, port: number, version: string): Promise<void> {
  const image = await probeImage(images, { name, port, env: [`VERSION=${version}`] })
  await cloud('start', fixture.node.manage, image)
}

const inState = (name: string): string => join(fixture.scratch, 'upper/var/lib/solocloud', name)
const database = (): string => inState('state.db')
const asides = (): string[] => readdirSync(inState('')).filter((name) => name.includes('.corrupt-'))

/** name, generation, previous generation, and the digest that says which image that is. */
async function apps(): Promise<string[]> {
  return (await fixture.apps()).map(
    ({ name, generation, previousGeneration, digest }) =>
      `${name} ${generation} ${String(previousGeneration)} ${digest}`,
  )
}

async function expectRunning(version: string): Promise<void> {
  for (const name of ['probe', 'other'])
    await expect.poll(async () => (await fixture.app(name)).state).toBe('running')
  await expect.poll(() => fixture.node.get(PORT, '/version').catch(String)).toBe(`${version}\n`)
  await expect.poll(() => fixture.node.get(OTHER_PORT, '/version').catch(String)).toBe('7\n')
}

test.each<[string, () => void]>([
  ['overwritten', () => writeFileSync(database(), 'x'.repeat(16_384))],
  ['cut short', () => truncateSync(database(), 5000)],
  ['gone', () => rmSync(database())],
  [
    'a directory',
    () => {
      rmSync(database())
      mkdirSync(database())
    },
  ],
])('the database is %s: the same apps run, and the next boot finds it whole', async (_, lose) => {
  const before = await apps()
  await fixture.reboot(lose)
  expect(await apps()).toEqual(before)
  await expectRunning('2')
  const asideCount = asides().length
  await fixture.reboot()
  expect([await apps(), asides().length]).toEqual([before, asideCount])
})

test('after a rollback the older generation is the one that ran, and a second one goes back', async () => {
  await cloud('rollback', fixture.node.manage, 'probe')
  await fixture.reboot(() => writeFileSync(database(), 'x'.repeat(16_384)))
  await expectRunning('1')
  await cloud('rollback', fixture.node.manage, 'probe')
  await expectRunning('2')
})

test('no database can be made: the node is managed all the same, and keeps what it is told', async () => {
  const before = await apps()
  await fixture.reboot(() => {
    rmSync(database())
    symlinkSync('/nowhere/state.db', database())
  })
  expect(await apps()).toEqual(before)
  await expectRunning('2')
  await push('probe', PORT, '3')
  const after = await apps()
  await fixture.reboot(() => rmSync(database()))
  expect(await apps()).toEqual(after)
  await expectRunning('3')
  expect(existsSync(database())).toBe(true)
})

test('a removed app stays removed, also without a database', async () => {
  await cloud('stop', fixture.node.manage, 'other')
  await fixture.reboot(() => writeFileSync(database(), ''))
  expect((await fixture.apps()).map(({ name }) => name)).toEqual(['probe'])
  expect(readFileSync(database()).length).toBeGreaterThan(0)
})

test('how it has gone down each time is on record', async () => {
  const history = nodeHistory(await cloudJson('node', 'crashes', fixture.node.manage), 'history')
  expect(history.crashes).toEqual([])
  expect(history.boots[0]?.shutDown?.how).toBe('power-off')
})
