import { expect, test } from 'vitest'
import { parseFstab } from './fstab.ts'
import { planFstab, waitsFor } from './fstab-plan.ts'

function plan(...lines: string[]) {
  const { tasks, problems } = planFstab(parseFstab(lines.join('\n')).entries)
  return {
    tasks,
    problems,
    places: tasks.map((one) => (one.kind === 'mount' ? one.target : one.source)),
  }
}

test('disks’ file systems, those above first, then swap', () => {
  const { places, problems } = plan(
    ...['UUID=1 / ext4', '/dev/vda9 none swap sw', 'UUID=2 /var/log ext4', 'UUID=3 /boot ext2'],
    ...['UUID=4 /var/ xfs', 'UUID=5 /boot/efi vfat umask=0077', '/swapfile swap swap'],
  )
  expect(places).toEqual(['/boot', '/var', '/var/log', '/boot/efi', '/dev/vda9', '/swapfile'])
  expect(problems).toEqual([])
})

test('what is no disk, not for a boot, or ours is left out', () => {
  const { places, problems } = plan(
    ...[
      'proc /proc proc',
      'tmpfs /srv/fast tmpfs',
      'host:/x /mnt/nfs nfs',
      '/srv/x /mnt/y none bind',
    ],
    ...[
      '/dev/vdb1 /tmp ext4',
      '/dev/vdb2 /mnt/a ext4 noauto',
      '/dev/sr0 /media iso9660 noauto,user',
    ],
    ...['/dev/vdb3 /mnt/b ext4 _netdev', '/dev/vdb4 none ext4', '/dev/vdb5 none swap noauto'],
    ...['/dev/fuse /mnt/f fuse nofail', '/srv/disk.img /mnt/c ext4 loop'],
  )
  expect([places, problems]).toEqual([[], []])
})

test('a disk of a kind that a node does not mount is told', () => {
  expect(plan('/dev/vdb1 /srv zfs', '/dev/vdb2 /mnt ntfs nofail').problems).toEqual([
    '/srv is not mounted: a node has no use for zfs',
  ])
})

test('what lies in something that is still missing waits', () => {
  const { tasks } = plan(
    'UUID=1 /var xfs',
    'UUID=2 /var/log xfs',
    'UUID=3 /vary xfs',
    '/var/swap x swap',
  )
  const waits = tasks.map((task) => waitsFor(task, tasks.slice(0, 1)))
  expect(waits).toEqual([false, false, true, true])
})
