import { expect, test } from 'vitest'
import { isOwnFileSystem, parseFstab, pathsIn } from './fstab.ts'

const FSTAB = `# /etc/fstab: static file system information.
UUID=1234-abcd  /          ext4  errors=remount-ro  0 1

/dev/sda2       /usr       xfs   defaults           0 2
nas:/var        /var       nfs   defaults
/swap\\040file  none       swap  sw
/srv/data       /home/data none  rw,bind
/images/a.img   /a         ext4  loop
 tmpfs          /tmp       tmpfs`

test('every line that says something', () => {
  const entries = parseFstab(FSTAB)
  expect(entries.map(({ source, target }) => [source, target])).toEqual([
    ['UUID=1234-abcd', '/'],
    ['/dev/sda2', '/usr'],
    ['nas:/var', '/var'],
    ['/swap file', 'none'],
    ['/srv/data', '/home/data'],
    ['/images/a.img', '/a'],
    ['tmpfs', '/tmp'],
  ])
  expect(entries[0]).toMatchObject({ fstype: 'ext4', options: ['errors=remount-ro'] })
})

test('what is on the disks of this machine', () => {
  expect(
    parseFstab(FSTAB)
      .filter(isOwnFileSystem)
      .map(({ target }) => target),
  ).toEqual(['/', '/usr'])
})

test('what of the disk it names', () => {
  expect(pathsIn(parseFstab(FSTAB))).toEqual([
    ...['/usr', '/var', '/swap file', '/srv/data', '/home/data', '/images/a.img', '/a', '/tmp'],
  ])
})

test('an empty one, and one of nonsense', () => {
  expect(parseFstab('')).toEqual([])
  expect(pathsIn(parseFstab('word\n'))).toEqual([])
})
