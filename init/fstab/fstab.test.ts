import { expect, test } from 'vitest'
import { parseFstab } from './fstab.ts'

test('comments, blanks, tabs, and fields that are left out', () => {
  const text = [
    '# /etc/fstab: static file system information.',
    '',
    'UUID=0a1b / ext4 errors=remount-ro 0 1',
    '\t/dev/vda2\tnone\tswap\tsw,pri=5\t0\t0\r',
    'LABEL=data /srv xfs',
    ' # indented',
  ].join('\n')
  expect(parseFstab(text)).toEqual({
    entries: [
      {
        ...{ line: 3, source: 'UUID=0a1b', target: '/', fstype: 'ext4' },
        options: ['errors=remount-ro'],
      },
      {
        ...{ line: 4, source: '/dev/vda2', target: 'none', fstype: 'swap' },
        options: ['sw', 'pri=5'],
      },
      { line: 5, source: 'LABEL=data', target: '/srv', fstype: 'xfs', options: ['defaults'] },
    ],
    problems: [],
  })
})

test('octal escapes are bytes, and quotes hold options together', () => {
  const [entry] = parseFstab(
    String.raw`LABEL=my\040disk /srv/gr\303\266\303\237e ext4 ro,context="a:b,c",noatime 0 0`,
  ).entries
  expect(entry).toMatchObject({ source: 'LABEL=my disk', target: '/srv/größe' })
  expect(entry?.options).toEqual(['ro', 'context="a:b,c"', 'noatime'])
})

test('a line that says too little, and a file with too many', () => {
  expect(parseFstab('/dev/vdb1 /srv\n')).toEqual({
    entries: [],
    problems: ['line 1 names no file system type'],
  })
  const many = parseFstab('/dev/vdb1 /srv ext4\n'.repeat(300))
  expect(many.entries).toHaveLength(256)
  expect(many.problems).toEqual(['what follows line 256 is too much'])
})
