import { lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Installation } from '../protocol/installation.ts'
import { RECORD } from './places.ts'
import { readInstallation, writeInstallation } from './record.ts'

let place: string
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'record-'))
})
afterEach(() => rmSync(place, { recursive: true }))

const VALUE: Installation = {
  version: 1,
  method: 'grub',
  state: 'trial',
  installedAt: '2026-01-02T03:04:05.000Z',
  file: '/sbin/solocloud',
  trialMs: 900_000,
  once: [
    {
      path: '/boot/grub/custom.cfg',
      before: { kind: 'absent' },
      after: { kind: 'file', mode: 0o600, uid: 0, gid: 0, sha256: 'ab'.repeat(32) },
    },
    {
      path: '/sbin/init',
      before: { kind: 'link', target: '/lib/systemd/systemd' },
      after: { kind: 'link', target: 'solocloud' },
    },
  ],
  permanent: [],
  created: ['/chroots'],
  purge: { onConfirm: true, keep: ['/srv'] },
}

test('what is written is read, also over what was there', () => {
  const directory = join(place, 'installation')
  expect(readInstallation(directory)).toBeNull()
  writeInstallation(directory, VALUE)
  writeInstallation(directory, { ...VALUE, state: 'confirmed' })
  expect(readInstallation(directory)).toEqual({ ...VALUE, state: 'confirmed' })
  expect(readdirSync(directory)).toEqual([RECORD])
  expect(lstatSync(directory).mode & 0o777).toBe(0o700)
})

const DAMAGED: readonly [string, object | string, string][] = [
  ['half of it', '{"version": 1, "met', 'JSON'],
  ['a newer one', { ...VALUE, version: 2 }, 'another version of solocloud'],
  ['a path outside', { ...VALUE, created: ['/chroots/../etc'] }, 'without ".."'],
  ['an unknown state', { ...VALUE, state: 'new' }, 'must be one of trial'],
  [
    'bytes without a name',
    {
      ...VALUE,
      once: [
        { ...VALUE.once[0], after: { kind: 'file', mode: 0, uid: 0, gid: 0, sha256: '../x' } },
      ],
    },
    'must be a sha256',
  ],
]
test.each(DAMAGED)('refused: %s', (_, content, sentence) => {
  const text = typeof content === 'string' ? content : JSON.stringify(content)
  writeFileSync(join(place, RECORD), text)
  expect(() => readInstallation(place)).toThrow(sentence)
})
