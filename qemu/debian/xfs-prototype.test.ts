import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { xfsPrototype } from './xfs-prototype.ts'

let dir = ''
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'prototype-'))))
afterEach(() => rmSync(dir, { recursive: true }))

test('a tree is described in order, each directory ended', async () => {
  mkdirSync(join(dir, 'usr'))
  writeFileSync(join(dir, 'usr/sudo'), '')
  chmodSync(join(dir, 'usr/sudo'), 0o4755)
  symlinkSync('usr/bin', join(dir, 'bin'))
  writeFileSync(join(dir, 'zero'), '')
  chmodSync(join(dir, 'zero'), 0o7)
  for (const path of ['', 'usr']) chmodSync(join(dir, path), 0o755)
  const owner = `${process.getuid?.()} ${process.getgid?.()}`
  expect(await xfsPrototype(dir)).toBe(`/
0 0
d--755 ${owner}
bin l--777 ${owner} usr/bin
usr d--755 ${owner}
sudo -u-755 ${owner} ${dir}/usr/sudo
$
zero ---007 ${owner} ${dir}/zero
$
$
`)
})

test('a name with a space is refused, for it would become two', async () => {
  writeFileSync(join(dir, 'two words'), '')
  await expect(xfsPrototype(dir)).rejects.toThrow(/two words: a name with a space/)
})
