import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { KeptPaths } from './kept-paths.ts'

let root: string
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'kept-'))))
afterEach(() => rmSync(root, { recursive: true }))

function file(path: string): void {
  mkdirSync(join(root, dirname(path)), { recursive: true })
  writeFileSync(join(root, path), '')
}
function link(path: string, target: string): void {
  mkdirSync(join(root, dirname(path)), { recursive: true })
  symlinkSync(target, join(root, path))
}
const verdicts = (kept: string[], ...paths: string[]): string[] => {
  const keptPaths = new KeptPaths(root, kept)
  return paths.map((path) => keptPaths.of(path))
}

test('a path, what it is in, and nothing else', () => {
  file('/etc/fstab')
  expect(verdicts(['/etc/fstab'], '/etc', '/etc/fstab', '/etc/passwd', '/etcetera', '/')).toEqual([
    ...['inside', 'keep', 'remove', 'remove', 'inside'],
  ])
})

test('through a link of the top: both of its ends', () => {
  link('/sbin', 'usr/sbin')
  file('/usr/sbin/solocloud')
  const paths = ['/sbin', '/usr', '/usr/sbin', '/usr/sbin/solocloud', '/usr/sbin/sshd']
  expect(verdicts(['/sbin/solocloud'], ...paths)).toEqual([
    ...['keep', 'inside', 'inside', 'keep', 'remove'],
  ])
})

test('a link to a file, one to a link, absolute and upwards', () => {
  link('/etc/os-release', '../usr/lib/os-release')
  link('/usr/lib/os-release', '/opt/release')
  file('/opt/release')
  expect(
    verdicts(
      ['/etc/os-release'],
      '/etc/os-release',
      '/usr/lib/os-release',
      '/opt/release',
      '/opt/x',
    ),
  ).toEqual(['keep', 'keep', 'keep', 'remove'])
})

test('what a link in the middle leads to', () => {
  link('/home/data', '/srv/disk')
  file('/srv/disk/a/b')
  expect(
    verdicts(['/home/data/a'], '/home/data', '/srv/disk', '/srv/disk/a', '/srv/disk/c'),
  ).toEqual(['keep', 'inside', 'keep', 'remove'])
})

test('what is not there, dots and doubled slashes', () => {
  expect(verdicts(['//lib/.//modules/'], '/lib', '/lib/modules', '/lib/x')).toEqual([
    ...['inside', 'keep', 'remove'],
  ])
})

test('links that go round end', () => {
  link('/a', 'b')
  link('/b', 'a')
  expect(verdicts(['/a/file'], '/a', '/b')).toEqual(['keep', 'keep'])
})

test('a link to the root would keep everything, and is refused', () => {
  link('/loop', '/')
  expect(() => new KeptPaths(root, ['/loop'])).toThrow('all of / would be kept')
})
