// Deaths on demand in an ordinary process, with a fake loader: each is what its name says. Those of the whole
// machine are not tried here (test/boot/hang.test.ts does).
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MACHINE_FAULTS, MAIN_FAULTS, NATIVE_FAULTS, THREAD_FAULTS } from '../../init/fault-spec.ts'
import { buildAddon, scratch } from './build-addon.ts'
import { buildFakeFace } from './fake-face.ts'

const EPERM = '-1'
const EINVAL = '-22'
const HEADER = resolve(import.meta.dirname, '../../native/fault.h')

const place = scratch('fault')
let env: Record<string, string> = {}
beforeAll(() => {
  env = { SOLOCLOUD_ADDON: buildAddon(place.dir), LD_PRELOAD: buildFakeFace(place.dir) }
})
afterAll(() => place.remove())

function fault(kind: string, more: Record<string, string> = {}): SpawnSyncReturns<string> {
  const script = join(import.meta.dirname, 'life-probe.ts')
  const options = { env: { ...env, ...more }, timeout: 10_000, encoding: 'utf8' } as const
  return spawnSync(process.execPath, [script, 'fault', kind], options)
}
const cause = (kind: string) => fault(kind, { FAULTS: 'yes' })

test('native code and fault-spec.ts know the same kinds', () => {
  const rows = readFileSync(HEADER, 'utf8').matchAll(/^ {4}\{"([^"]+)", .*FaultPlace::(\w+)\}/gm)
  const kinds = [...rows].map(([, name = '', where = '']): [string, string] => [name, where])
  const at = (where: string) => kinds.filter((kind) => kind[1] === where).map(([name]) => name)
  expect(at('kAnyThread')).toEqual(THREAD_FAULTS)
  expect(at('kMainThread')).toEqual(MAIN_FAULTS)
  expect(at('kMachine')).toEqual(MACHINE_FAULTS)
})

test('every kind is refused without the loader’s word, an unknown one always', () => {
  const { stdout } = fault([...NATIVE_FAULTS, 'hang@thread', 'nonsense'].join(' '))
  const expected = [...NATIVE_FAULTS.map(() => EPERM), EINVAL, EINVAL]
  expect(stdout).toBe(`0\n${expected.join(' ')}\n`)
})

const SIGNALS: Readonly<Record<string, NodeJS.Signals>> = {
  segv: 'SIGSEGV',
  bus: 'SIGBUS',
  ill: 'SIGILL',
  fpe: 'SIGFPE',
  abrt: 'SIGABRT',
  trap: 'SIGTRAP',
  sys: 'SIGSYS',
  stack: 'SIGSEGV',
}

test.each(Object.entries(SIGNALS))('%s is %s, on either thread', (kind, signal) => {
  expect(cause(kind).signal).toBe(signal)
  expect(cause(`${kind}@thread`).signal).toBe(signal)
})

test.each(Object.values(SIGNALS))('a %s from outside', (signal) => {
  expect(cause(`signal:${signal}`).signal).toBe(signal)
})

test.each(['native-exit', 'fast-exit'])('%s ends the process, on either thread', (kind) => {
  expect(cause(kind).status).toBe(3)
  expect(cause(`${kind}@thread`).status).toBe(3)
})

test('empty: the event loop ends although timers are armed', () => {
  const { status, stdout } = cause('empty')
  expect([status, stdout]).toEqual([0, '0\n0\n'])
})
