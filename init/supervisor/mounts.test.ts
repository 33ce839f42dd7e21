import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeNative } from '../../sys/fake-native.ts'
import { createMounts, mountsBelow } from './mounts.ts'

const line = (id: number, point: string): string => `${id} 20 0:5 / ${point} rw - proc proc rw`
const mountinfo = (...points: string[]): string =>
  points.map((point, index) => `${line(index, point)}\n`).join('')

let proc: string
beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'mounts-'))
  mkdirSync(join(proc, 'self'))
})
afterEach(() => rmSync(proc, { recursive: true }))

test('only what is at or below the root, deepest first, a stack from its top', () => {
  const text = mountinfo(
    '/',
    '/c/app1',
    '/c/app1/dev',
    '/c/app1/dev/pts',
    '/c/app10/dev',
    '/c/app1/proc',
  )
  expect(mountsBelow(text, '/c/app1')).toEqual([
    '/c/app1/dev/pts',
    '/c/app1/proc',
    '/c/app1/dev',
    '/c/app1',
  ])
})

test('a name with a space, written in octal, is found', () => {
  expect(mountsBelow(mountinfo('/c/a/my\\040dir\\134x'), '/c/a')).toEqual(['/c/a/my dir\\x'])
})

test('detaches with UMOUNT_NOFOLLOW until nothing is left', () => {
  let mounted = ['/c/a/dev', '/c/a/dev/pts', '/c/a/dev']
  const calls: [string, number][] = []
  const write = (): void => writeFileSync(join(proc, 'self/mountinfo'), mountinfo(...mounted))
  const native = fakeNative({
    umount2(target, flags) {
      calls.push([target, flags])
      const at = mounted.lastIndexOf(target)
      if (at < 0) return -22
      mounted = mounted.filter((_, index) => index !== at)
      write()
      return 0
    },
  })
  write()
  createMounts(native, proc).detachBelow('/c/a')
  expect(calls[0]).toEqual(['/c/a/dev/pts', 2 | 8])
  expect(mounted).toEqual([])
})

test('what stays mounted is an error, after a bounded number of tries', () => {
  writeFileSync(join(proc, 'self/mountinfo'), mountinfo('/c/a/dev'))
  let calls = 0
  const native = fakeNative({
    umount2: () => {
      calls++
      return -16
    },
  })
  expect(() => createMounts(native, proc).detachBelow('/c/a')).toThrow('does not go away')
  expect(calls).toBeLessThan(100)
})
