import { lstatSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { listenUnix, openToGroup } from './listen.ts'

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'listen-'))
  path = join(directory, 'run', 'manage.sock')
})
afterEach(() => rmSync(directory, { recursive: true }))

const access = (): string[] =>
  [dirname(path), path].map((one) => {
    const { mode, gid } = lstatSync(one)
    return `${(mode & 0o777).toString(8)} ${gid}`
  })

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => void server.close(() => resolve()))

test('a group is let in, and the next life begins without it', async () => {
  const gid = process.getegid?.() ?? 0
  const first = createServer()
  await listenUnix(first, path)
  expect(access()).toEqual([`700 ${gid}`, `600 ${gid}`])
  await openToGroup(path, gid)
  expect(access()).toEqual([`750 ${gid}`, `660 ${gid}`])
  await close(first)
  const next = createServer()
  await listenUnix(next, path)
  expect(access()).toEqual([`700 ${gid}`, `600 ${gid}`])
  await close(next)
})

test('a group that may not be given leaves it to its owner', async () => {
  const server = createServer()
  await listenUnix(server, path)
  const before = access()
  // No kernel takes (gid_t)-1 and one more.
  await expect(openToGroup(path, 2 ** 32)).rejects.toThrow()
  expect(access()).toEqual(before)
  await close(server)
})
