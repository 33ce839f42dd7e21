import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeNative } from '../../sys/fake-native.ts'
import { createProcesses } from './processes.ts'

let dir: string
let killed: string[]
let onKill: (pid: number) => void
const native = fakeNative({
  kill(pid, signal) {
    killed.push(`${pid} ${signal}`)
    onKill(pid)
    return 0
  },
})
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'processes-'))
  killed = []
  onKill = (pid) => rmSync(join(dir, String(pid)), { recursive: true, force: true })
})
afterEach(() => rmSync(dir, { recursive: true }))

/** A process, or with `task` one whose first thread has ended. */
function addProcess(pid: number, root: string, task?: number): void {
  const path = task === undefined ? join(dir, String(pid)) : join(dir, `${pid}/task/${task}`)
  mkdirSync(path, { recursive: true })
  symlinkSync(root, join(path, 'root'))
}
const root = '/chroots/.generations/app1/1'
const chroot = { root, isolation: 'chroot', cgroup: null } as const

test('every process whose root is that one, and no other', () => {
  addProcess(1, root) // Never ourselves, whatever /proc says.
  addProcess(process.pid, root)
  addProcess(10, root)
  addProcess(11, '/')
  addProcess(12, `${root}0`)
  addProcess(13, `${root}/inner`)
  addProcess(14, root, 15)
  mkdirSync(join(dir, '16')) // A zombie has no root.
  expect(createProcesses(native, dir).end(chroot)).toBe(3)
  expect(killed.sort()).toEqual(['10 9', '13 9', '14 9'])
  expect(createProcesses(native, dir).end(chroot)).toBe(0)
})

test('one that forks while it is ended is met again, a bounded number of times', () => {
  let next = 100
  addProcess(next, root)
  onKill = () => addProcess(++next, root)
  expect(createProcesses(native, dir).end(chroot)).toBe(8)
})

test('a root that is the whole machine is a bug, and nothing is killed', () => {
  addProcess(10, '/')
  expect(() => createProcesses(native, dir).end({ ...chroot, root: '/' })).toThrow('BUG')
  expect(killed).toEqual([])
})

test('cgroup.kill where there is one, else what the cgroup lists', () => {
  const cgroup = join(dir, 'cgroup')
  mkdirSync(cgroup)
  writeFileSync(join(cgroup, 'cgroup.procs'), '20\n21\n')
  const domain = { root, isolation: 'namespaces', cgroup } as const
  expect(createProcesses(native, dir).end(domain)).toBe(2)
  expect(killed).toEqual(['20 9', '21 9'])
  writeFileSync(join(cgroup, 'cgroup.kill'), '')
  expect(createProcesses(native, dir).end(domain)).toBe(2)
  expect(readFileSync(join(cgroup, 'cgroup.kill'), 'utf8')).toBe('1')
  expect(killed).toHaveLength(2)
})

test('with a pid namespace and no cgroup nothing is left once its init is dead', () => {
  addProcess(10, root)
  expect(createProcesses(native, dir).end({ ...chroot, isolation: 'namespaces' })).toBe(0)
})
