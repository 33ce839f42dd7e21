import { expect, test } from 'vitest'
import { mountWish, swapWish } from './mount-options.ts'

const wish = (words: string) => mountWish(words.split(','))

test.each([
  ['defaults', [], ''],
  ['ro,noatime', ['readOnly', 'noAtime'], ''],
  ['ro,rw', [], ''],
  ['noatime,relatime', ['relAtime'], ''],
  ['user', ['noSuid', 'noDev', 'noExec'], ''],
  ['user,exec,dev', ['noSuid'], ''],
  ['nodev,nosuid,noexec,sync,dirsync,nodiratime,lazytime', null, ''],
  ['errors=remount-ro,discard,commit=30', [], 'errors=remount-ro,discard,commit=30'],
  ['subvol=@home,compress=zstd:1,x-systemd.device-timeout=5', [], 'subvol=@home,compress=zstd:1'],
  ['umask=0077,shortname=winnt,auto,comment=cloudconfig', [], 'umask=0077,shortname=winnt'],
  ['context="system_u:object_r:a:s0:c1,c2",rw', [], ''],
] as const)('%s', (words, flags, data) => {
  const got = mountWish(words.match(/(?:[^,"]|"[^"]*")+/g) ?? [])
  expect(got).toMatchObject({ data, auto: true, mayFail: false, special: null })
  if (flags !== null) expect(got.flags).toEqual(flags)
  else expect(got.flags).toHaveLength(7)
})

test('what is not for now, may fail, or is no disk', () => {
  expect(wish('noauto').auto).toBe(false)
  expect(wish('defaults,nofail').mayFail).toBe(true)
  expect(wish('nobootwait').mayFail).toBe(true)
  expect(wish('_netdev').special).toBe('network')
  expect(wish('rbind,ro').special).toBe('bind')
  expect(wish('loop=/dev/loop0').special).toBe('loop')
})

test('swap', () => {
  const swap = (words: string) => swapWish(words.split(','))
  const plain = { auto: true, mayFail: false, priority: null, discard: false }
  expect(swap('sw')).toEqual(plain)
  expect(swap('defaults,pri=10,nofail')).toEqual({ ...plain, priority: 10, mayFail: true })
  expect(swap('pri=-2,discard')).toEqual({ ...plain, discard: true })
  expect(swap('discard=once')).toEqual(plain)
  expect(swap('noauto')).toEqual({ ...plain, auto: false })
})
