import { expect, test } from 'vitest'
import { fakeNative } from './fake-native.ts'
import { parseSwaps, swapOff, swapOn } from './swap.ts'

test('flags', () => {
  const given: [string, number][] = []
  const native = fakeNative({ swapon: (path, flags) => given.push([path, flags]) * 0 })
  swapOn(native, { path: '/a', priority: null, discard: false })
  swapOn(native, { path: '/b', priority: 0, discard: true })
  swapOn(native, { path: '/c', priority: 99_999, discard: false })
  expect(given).toEqual([
    ['/a', 0],
    ['/b', 0x58000],
    ['/c', 0xffff],
  ])
})

test('a refusal is an error with its code', () => {
  const native = fakeNative({ swapon: () => -16, swapoff: () => -1 })
  const wanted = { path: '/a', priority: null, discard: false }
  expect(() => swapOn(native, wanted)).toThrow('swapon /a: EBUSY')
  expect(() => swapOff(native, '/a')).toThrow('swapoff /a: EPERM')
})

test('what is in use', () => {
  const text = [
    'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority',
    '/dev/vda2                               partition\t1048572\t\t0\t\t-2',
    String.raw`/srv/my\040swap                         file` + '\t\t1048572\t\t12\t\t-3',
    '',
  ].join('\n')
  expect(parseSwaps(text)).toEqual([
    { path: '/dev/vda2', isFile: false },
    { path: '/srv/my swap', isFile: true },
  ])
  expect(parseSwaps('')).toEqual([])
})
