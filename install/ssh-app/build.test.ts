import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TempDir, unpackInto } from '../../chroot-runner/unpack/fixture.ts'
import { pack } from '../../image-builder/pack.ts'
import { buildSshApp, sshAppEntries } from './build.ts'
import { OldSystemFixture, SMALL } from './fixture-old-system.ts'
import { lookSshApp } from './look.ts'
import type { Run } from './ssh-app-plan.ts'

const fine: Run = () => ({ status: 0, stdout: '', stderr: '' })
const asRoot = test.skipIf(process.getuid?.() !== 0)

asRoot('the directory is what the plan says, and its digest that of the image', async () => {
  using old = new OldSystemFixture(SMALL)
  using place = new TempDir()
  const plan = lookSshApp(old.source())
  const target = join(place.path, '1')
  const checked: string[] = []
  const run: Run = (file, words) => {
    checked.push([file, ...words.slice(1)].join(' '))
    return fine(file, words)
  }
  const { manifest, digest } = await buildSshApp(plan, run, target)
  expect(manifest).toMatchObject({ name: 'ssh', management: true, isolation: null })
  for (const member of plan.members) {
    const found = lstatSync(join(target, member.path))
    expect([member.path, found.uid, found.gid]).toEqual([member.path, member.uid, member.gid])
    if (member.kind === 'link') expect(readlinkSync(join(target, member.path))).toBe(member.target)
    else expect([member.path, found.mode & 0o7777]).toEqual([member.path, member.mode])
  }
  expect(readFileSync(join(target, 'etc/ssh/ssh_host_ed25519_key'), 'utf8')).toBe('a private key')
  expect(checked).toContain('chroot /lib64/ld-linux-x86-64.so.2 --list /usr/sbin/sshd')

  const image = join(place.path, 'ssh.tar')
  const packed = await pack(sshAppEntries(plan), new Date(0), image, () => undefined)
  expect(packed.digest).toBe(digest)
  const unpacked = join(place.path, 'unpacked')
  mkdirSync(unpacked)
  await unpackInto(unpacked, readFileSync(image))
  expect(lstatSync(join(unpacked, 'etc/shadow')).mode & 0o777).toBe(0o600)
})

test('what fails leaves nothing', async () => {
  using old = new OldSystemFixture(SMALL)
  using place = new TempDir()
  const plan = lookSshApp(old.source())
  const target = join(place.path, '1')
  const lacking: Run = () => ({ status: 127, stdout: '', stderr: 'libx.so: not found' })
  if (process.getuid?.() === 0) {
    await expect(buildSshApp(plan, lacking, target)).rejects.toThrow('libx.so: not found')
    expect(existsSync(target)).toBe(false)
  }
  mkdirSync(target)
  await expect(buildSshApp(plan, fine, target)).rejects.toThrow('is there already')
  expect(existsSync(target)).toBe(true)
  const bad = { ...plan, problems: ['no way in'] }
  await expect(buildSshApp(bad, fine, join(place.path, '2'))).rejects.toThrow('no way in')
})
