// An app that manages the node: it reaches the socket, in both isolations, life after life, and nothing else.
import { existsSync, lstatSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { causeFault } from '../cause-fault.ts'
import { probeImage } from '../probe-image.ts'
import { cloud } from '../run-cloud.ts'
import { NodeFixture } from './node-fixture.ts'

const GROUP = 4242
const FAULTS = '/run/solocloud/faults'
const SOCKET = '/run/solocloud/manage.sock'
const MANAGERS = [
  { name: 'manager', port: 8030, isolation: 'namespaces' },
  { name: 'manager-in-chroot', port: 8031, isolation: 'chroot' },
] as const
const USERS = [
  { name: 'administrator', port: 8032, user: `1000:${GROUP}`, socket: 'allowed' },
  { name: 'user', port: 8033, user: '1000:1000', socket: 'EACCES' },
] as const

let fixture: NodeFixture
beforeAll(async () => {
  fixture = await NodeFixture.make('management', {
    settings: [`solocloud.group=${GROUP}`, `solocloud.faults=listen:${FAULTS}`],
  })
  const images = join(fixture.scratch, 'images')
  await mkdir(images)
  for (const app of [...MANAGERS, ...USERS]) {
    const image = await probeImage(images, { ...app, management: true })
    await cloud('start', fixture.node.manage, image)
  }
})
afterAll(() => fixture[Symbol.asyncDispose]())

/** What came of each try, as the app tells it. */
async function tries(port: number): Promise<Map<string, string>> {
  const text = await fixture.node.get(port, '/manage')
  return new Map(
    text
      .trim()
      .split('\n')
      .map((line) => line.split('\t') as [string, string]),
  )
}

const access = (path: string): [mode: string, gid: number] => {
  const { mode, gid } = lstatSync(fixture.node.path(path))
  return [(mode & 0o777).toString(8), gid]
}

const groupHasIt = (): void => {
  expect(access(SOCKET)).toEqual(['660', GROUP])
  expect(access('/run/solocloud')).toEqual(['750', GROUP])
}

test('the socket is the group’s, and what is shown of an app says that it manages', async () => {
  groupHasIt()
  expect(await fixture.app('manager')).toMatchObject({ management: true })
  expect(await cloud('ps', fixture.node.manage)).toMatch(/^manager +running +namespaces, manages/m)
})

test.each(MANAGERS)('$name reaches the socket and can change nothing beside it', async (app) => {
  const outcome = await tries(app.port)
  expect(outcome.get('socket')).toBe('allowed')
  expect(outcome.get('run-directory')).toBe('EROFS')
  expect(outcome.get('mount')).toBe('EPERM')
  // Its sshd needs the call in both.
  expect(outcome.get('chroot')).toBe('allowed')
})

test.each(USERS)('$user in a managing app: $socket', async ({ port, socket }) => {
  expect((await tries(port)).get('socket')).toBe(socket)
})

test('a new life makes a new socket, and the same apps reach it', async () => {
  const { ino } = lstatSync(fixture.node.path(SOCKET))
  await causeFault({ path: fixture.node.path(FAULTS) }, 'signal:SIGSEGV')
  await vi.waitFor(() => expect(lstatSync(fixture.node.path(SOCKET)).ino).not.toBe(ino), 30_000)
  await fixture.node.waitForManagement()
  await vi.waitFor(groupHasIt, 5_000)
  for (const { port } of MANAGERS) expect((await tries(port)).get('socket')).toBe('allowed')
  for (const { port, socket } of USERS) expect((await tries(port)).get('socket')).toBe(socket)
})

test('a stop unmounts it before anything is deleted', async () => {
  const mounted = (): string => readFileSync(`/proc/${fixture.node.pid}/mountinfo`, 'utf8')
  expect(mounted()).toMatch(/ \/chroots\/\S*manager-in-chroot\/1\/run\/solocloud /)
  for (const { name } of MANAGERS) await cloud('stop', fixture.node.manage, name)
  expect(mounted()).not.toContain('/manager')
  expect(existsSync(fixture.node.path(SOCKET))).toBe(true)
  await vi.waitFor(() => {
    expect(fixture.chroots().filter((path) => path.includes('/manager'))).toEqual([])
  })
  expect((await fixture.apps()).map(({ name }) => name)).toEqual(['administrator', 'user'])
})
