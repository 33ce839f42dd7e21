import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeNative } from '../../sys/fake-native.ts'
import { fakeLog } from '../supervisor/fake-node.ts'
import { takePanic } from './pstore.ts'

const EPERM = -1
let directory: string
let acts: string[]
let panics: string[]
let log: ReturnType<typeof fakeLog>
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'pstore-')), 'pstore')
  mkdirSync(directory)
  acts = []
  panics = []
  log = fakeLog()
})
afterEach(() => rmSync(join(directory, '..'), { recursive: true }))

function take({ owns = 1, mounts = 0, stores = true } = {}): void {
  const native = fakeNative({
    ownsMachine: () => owns,
    mount: (source, target, fstype) => {
      acts.push(`mount ${source} ${fstype} ${target === directory}`)
      return mounts
    },
    umount2: (target) => {
      acts.push(`umount ${target === directory}`)
      return 0
    },
  })
  const addPanic = (text: string): boolean => {
    panics.push(text)
    return stores
  }
  takePanic({ native, log, history: { addPanic }, directory })
}
const put = (name: string, text: string): void => writeFileSync(join(directory, name), text)

test('a panic is taken, and its records are deleted; others stay', () => {
  put('dmesg-erst-10', 'Panic#1 Part1\nend\n')
  put('dmesg-erst-9', 'Panic#1 Part2\nKernel panic\n')
  put('console-ramoops-0', 'x')
  take()
  expect(acts).toEqual(['mount pstore pstore true', 'umount true'])
  expect(panics).toEqual(['Kernel panic\nend\n'])
  expect(readdirSync(directory)).toEqual(['console-ramoops-0'])
})

test('nothing there', () => {
  take()
  expect([panics, log.lines]).toEqual([[], []])
})

test('what could not be stored stays for the next time', () => {
  put('dmesg-erst-1', 'Panic#1 Part1\nKernel panic\n')
  take({ stores: false })
  expect(readdirSync(directory)).toEqual(['dmesg-erst-1'])
})

test('the last of many records, each bounded, tell it; all of them go', () => {
  for (let i = 0; i < 100; i++) put(`dmesg-efi-${i}`, `Oops#${i} Part1\nOops ${i}\n`)
  put('dmesg-efi-100', `Panic#101 Part1\nKernel panic ${'x'.repeat(200_000)}`)
  take()
  expect([panics.length, readdirSync(directory)]).toEqual([1, []])
  expect(panics[0]?.length).toBe(4096)
})

test('a record that can not be read costs that record', () => {
  put('dmesg-erst-1', 'Panic#1 Part1\nKernel panic\n')
  symlinkSync('nowhere', join(directory, 'dmesg-erst-2'))
  take()
  expect(panics).toEqual(['Kernel panic\n'])
  expect(log.lines).toEqual([expect.stringContaining('a record of a panic can not be read')])
})

test('a machine that is not ours, or a kernel without pstore, is left alone', () => {
  put('dmesg-erst-1', 'x')
  take({ owns: 0 })
  rmSync(directory, { recursive: true })
  take()
  expect([acts, panics]).toEqual([[], []])
})

test('a mount that is refused is told', () => {
  put('dmesg-erst-1', 'x')
  take({ mounts: EPERM })
  expect([panics, log.lines]).toEqual([
    [],
    ['warn what the kernel of the boot before said is not known: mount ' + directory + ': EPERM'],
  ])
})
