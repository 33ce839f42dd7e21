import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TempDir } from '../chroot-runner/unpack/fixture.ts'
import { confDirectories, hostDirectories, standardDirectories } from './library-path.ts'

test('ld.so.conf names directories and includes, in order', () => {
  using etc = new TempDir()
  mkdirSync(join(etc.path, 'conf.d'))
  writeFileSync(join(etc.path, 'conf.d/b.conf'), '/opt/b\n')
  writeFileSync(join(etc.path, 'conf.d/a.conf'), '/opt/a/ # the first\n\n')
  const main = join(etc.path, 'ld.so.conf')
  writeFileSync(main, `# comment\ninclude ${etc.path}/conf.d/*.conf\n/usr/local/lib\nhwcap 1 x\n`)
  expect(confDirectories(main, 0)).toEqual(['/opt/a', '/opt/b', '/usr/local/lib'])
  expect(confDirectories(join(etc.path, 'none'), 0)).toEqual([])
})

test('a file that includes itself ends', () => {
  using etc = new TempDir()
  const main = join(etc.path, 'ld.so.conf')
  writeFileSync(main, `/opt/x\ninclude ${main}\n`)
  expect(confDirectories(main, 0).every((directory) => directory === '/opt/x')).toBe(true)
})

test('what is built into ld.so is always searched', () => {
  expect(hostDirectories('amd64')).toEqual(expect.arrayContaining(standardDirectories('amd64')))
  expect(standardDirectories('arm64')[0]).toBe('/lib/aarch64-linux-gnu')
})
