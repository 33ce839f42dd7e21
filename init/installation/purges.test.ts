import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { PurgeProgress } from '../../protocol/api.ts'
import { readInstallation } from '../../installation/record.ts'
import { emptyRecord } from '../../sys/fake-life.ts'
import { TestInstallation } from './test-installation.ts'

let at: TestInstallation
beforeEach(() => (at = new TestInstallation()))
afterEach(() => at[Symbol.dispose]())

const ignore = (): void => undefined
const oldSystem = (): boolean => existsSync(join(at.place, 'usr/bin/bash'))

test('on trial there is nothing to purge yet, and without an installation never', async () => {
  await expect(at.begin().purge([], ignore)).rejects.toMatchObject({ code: 'not-installed' })
  at.install()
  await expect(at.begin().purge([], ignore)).rejects.toMatchObject({ code: 'not-confirmed' })
  expect([at.state, oldSystem()]).toEqual(['trial', true])
})

test('a purge removes the old system, and remembers what it was to keep', async () => {
  at.install({ state: 'confirmed', purge: { onConfirm: false, keep: ['/etc/passwd'] } })
  writeFileSync(join(at.place, 'usr/bin/tool'), '')
  const told: PurgeProgress[] = []
  const node = at.begin()
  const purged = await node.purge(['/usr/bin/tool'], (event) => told.push(event))
  expect(purged).toMatchObject({ left: [], leftCount: 0, otherMounts: [] })
  expect(purged.entries).toBeGreaterThan(0)
  expect(told[0]).toMatchObject({ event: 'removing', entries: 1 })
  expect(oldSystem()).toBe(false)
  const kept = ['etc/passwd', 'usr/bin/tool'].map((path) => existsSync(join(at.place, path)))
  expect(kept).toEqual([true, true])
  expect(readInstallation(at.directory)).toMatchObject({
    ...{ state: 'purged', purge: { keep: ['/etc/passwd', '/usr/bin/tool'] } },
  })
  expect(at.shown).toMatch(/the old system is removed: \d+ files, \d+\.\d MiB freed/)
  await expect(node.purge([], ignore)).resolves.toMatchObject({ entries: 0 })
})

test('as soon as it is confirmed, when the installation asked for it', async () => {
  at.install({ purge: { onConfirm: true, keep: [] } })
  const node = at.begin()
  node.noticeCloud('cloud/1: GET /v1/node')
  await expect(node.purge([], ignore)).rejects.toMatchObject({ code: 'purge-in-progress' })
  await vi.waitFor(() => expect(at.state).toBe('purged'), 5_000)
  expect(oldSystem()).toBe(false)
})

test('a shutdown stops it, and the next boot goes on with it', async () => {
  at.install({ state: 'confirmed' })
  for (let i = 0; i < 500; i++) writeFileSync(join(at.place, `usr/bin/${i}`), '')
  const node = at.begin()
  const stopped = expect(node.purge([], ignore)).rejects.toMatchObject({ code: 'shutting-down' })
  await node.stop()
  await stopped
  expect(at.state).toBe('purging')
  at.lives = emptyRecord()
  const uninstall = vi.fn()
  at.begin().resume(uninstall)
  await vi.waitFor(() => expect(at.state).toBe('purged'), 5_000)
  expect([oldSystem(), uninstall.mock.calls]).toEqual([false, []])
})

test('with SELinux on, the next boot needs the old system', async () => {
  at.install({ state: 'confirmed' })
  mkdirSync(join(at.place, 'sys/fs/selinux'), { recursive: true })
  await expect(at.begin().purge([], ignore)).rejects.toMatchObject({ code: 'selinux' })
  expect([at.state, oldSystem()]).toEqual(['confirmed', true])
})

test('what goes wrong is told, and it can be asked for again', async () => {
  at.install({ state: 'confirmed', file: '/missing/solocloud' })
  const node = at.begin()
  await expect(node.purge([], ignore)).rejects.toMatchObject({
    ...{ code: 'purge-failed', message: expect.stringContaining('ENOENT') as string },
  })
  expect([at.state, oldSystem()]).toEqual(['purging', true])
  await expect(node.purge([], ignore)).rejects.toMatchObject({ code: 'purge-failed' })
})
