import { expect, test } from 'vitest'
import {
  childrenOf,
  cpuMs,
  descendants,
  divide,
  pssBytes,
  schedstatNs,
  statCpuMs,
} from './process-tree.ts'

test('Pss and what of it is anonymous', () => {
  const text = 'Rss:     1000 kB\nPss:      712 kB\nPss_Dirty:  9 kB\nPss_Anon:  100 kB\n'
  expect(pssBytes(text, 'Pss')).toBe(712 * 1024)
  expect(pssBytes(text, 'Pss_Anon')).toBe(100 * 1024)
  expect(pssBytes('', 'Pss')).toBe(0)
})

test("a process's times are found behind a name with blanks and brackets", () => {
  const stat = '7 (a ) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 25 6 7 20 0 1 0 100 2048 3\n'
  expect(statCpuMs(stat)).toBe(1750)
  expect(() => statCpuMs('')).toThrow('not a stat file')
})

test('schedstat counts nanoseconds, and is missed when the kernel has none', () => {
  expect(schedstatNs('261319 0 1\n')).toBe(261319)
  expect(schedstatNs('')).toBeNull()
})

test("a service is told from its helper by the program's own name", () => {
  const tree = [
    { pid: 2, words: ['/bin/service', '/run/stamps/0'] },
    { pid: 3, words: ['runsv', '/bin/service'] },
    { pid: 4, words: [] },
  ]
  const { services, helpers } = divide(tree, '/bin/service')
  expect(services.map(({ pid }) => pid)).toEqual([2])
  expect(helpers.map(({ pid }) => pid)).toEqual([3, 4])
})

test('this very process is there, and what has never been is not', () => {
  expect(descendants(process.ppid).some(({ pid }) => pid === process.pid)).toBe(true)
  expect(cpuMs(process.pid)).toBeGreaterThan(0)
  expect(childrenOf(2 ** 30)).toEqual([])
})
