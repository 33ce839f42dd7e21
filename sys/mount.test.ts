import { expect, test } from 'vitest'
import { fakeNative } from './fake-native.ts'
import { mount, remountReadOnly, umount } from './mount.ts'
import { SysError } from './sys-error.ts'

test('flags are combined', () => {
  const calls: unknown[] = []
  const native = fakeNative({ mount: (...args) => calls.push(args) && 0, umount2: () => 0 })
  mount(native, {
    source: 'proc',
    target: '/p',
    fstype: 'proc',
    flags: ['noSuid', 'noExec'],
    data: '',
  })
  remountReadOnly(native, '/')
  umount(native, '/p', ['detach'])
  expect(calls).toEqual([
    ['proc', '/p', 'proc', 10, ''],
    ['', '/', '', 33, ''],
  ])
})

test('an error has the shape of Node’s own', () => {
  const native = fakeNative({ umount2: () => -16 })
  const error = {
    code: 'EBUSY',
    errno: -16,
    syscall: 'umount',
    path: '/p',
    message: 'umount /p: EBUSY',
  }
  expect(() => umount(native, '/p')).toThrow(expect.objectContaining(error))
  expect(() => new SysError('x', '', 3)).toThrow('BUG')
  expect(new SysError('x', '', -4000).code).toBe('errno 4000')
})
