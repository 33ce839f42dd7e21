// An installed node on a disk of its own: what a boot loader reads, which replays no journal, after power cuts.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileContent } from '../../installation/changes.ts'
import { writeInstallation } from '../../installation/record.ts'
import type { Change, Installation } from '../../protocol/installation.ts'
import { nodeStatus } from '../../protocol/wire.ts'
import { makeScratch } from '../../demo/scratch.ts'
import { checkDisk, readFileOnDisk } from '../../qemu/disk.ts'
import { cloud, cloudJson } from '../run-cloud.ts'
import { Guest } from './guest.ts'

const STATE = 'var/lib/solocloud'
const ROOT = join(import.meta.dirname, '../..')
let guest: Guest

beforeAll(async () => {
  const place = await makeScratch(join(ROOT, 'build/boot-tests'))
  const installation = join(place, 'installation')
  const change = (text: string): Change => ({
    path: '/boot/custom.cfg',
    before: { kind: 'absent' },
    after: fileContent(installation, text),
  })
  const record: Installation = {
    version: 1,
    ...{ method: 'grub', state: 'trial', installedAt: '2026-01-02T03:04:05Z' },
    ...{ file: '/sbin/solocloud', trialMs: 3_600_000 },
    ...{ once: [change('once\n')], permanent: [change('for good\n')] },
    created: ['/chroots', '/sbin/solocloud', `/${STATE}`],
    purge: { onConfirm: false, keep: [] },
  }
  writeInstallation(installation, record)
  mkdirSync(join(place, 'old'))
  const [once, old] = [join(place, 'once'), join(place, 'old/file')]
  writeFileSync(once, 'once\n')
  writeFileSync(old, 'old\n')
  const blobs = [...record.once, ...record.permanent].flatMap(({ after }) =>
    after.kind === 'file' ? [after.sha256] : [],
  )
  const kept = ['record.json', ...blobs].map((name): [string, string] => [
    `${STATE}/installation/${name}`,
    join(installation, name),
  ])
  guest = await Guest.make(undefined, {
    files: { 'boot/custom.cfg': once, 'usr/bin/old': old, ...Object.fromEntries(kept) },
  })
})
afterAll(() => guest[Symbol.asyncDispose]())

/** As a boot loader has it; '' when it is not there. */
const onDisk = (path: string): Promise<string> => readFileOnDisk(guest.disk, path)

test('when the node answers on trial, another boot is the old system', async () => {
  expect(await onDisk('boot/custom.cfg')).toBe('once\n')
  const vps = await guest.start()
  await vps.powerCut()
  expect(await onDisk('boot/custom.cfg')).toBe('')
})

test('once it is confirmed, another boot is the node', async () => {
  const vps = await guest.start()
  const { installation } = nodeStatus(await cloudJson('node', vps.manage), 'node')
  await vps.powerCut()
  expect(installation).toEqual({ method: 'grub', state: 'confirmed', trialEndsAt: null })
  expect(await onDisk('boot/custom.cfg')).toBe('for good\n')
})

test('uninstalled, it reboots, and the disk is the old system’s alone', async () => {
  const vps = await guest.start()
  await cloud('node', 'uninstall', vps.manage, '--yes')
  expect((await vps.waitForExit()).reason).toBe('guest-reset')
  await checkDisk(guest.disk)
  const gone = ['boot/custom.cfg', 'sbin/solocloud', `${STATE}/state.db`, `${STATE}/boots.json`]
  expect(await Promise.all(gone.map(onDisk))).toEqual(gone.map(() => ''))
  expect(await onDisk('usr/bin/old')).toBe('old\n')
})
