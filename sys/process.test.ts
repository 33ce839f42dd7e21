import { expect, test } from 'vitest'
import { fakeNative } from './fake-native.ts'
import { decodeWaitStatus, kill, reapInto, spawn } from './process.ts'

test('a wait status is an exit code or a signal', () => {
  expect(decodeWaitStatus(0)).toEqual({ exitCode: 0, signal: null })
  expect(decodeWaitStatus(255 << 8)).toEqual({ exitCode: 255, signal: null })
  expect(decodeWaitStatus(9)).toEqual({ exitCode: null, signal: 'SIGKILL' })
  expect(decodeWaitStatus(0x80 | 11)).toEqual({ exitCode: null, signal: 'SIGSEGV' })
  expect(decodeWaitStatus(37)).toEqual({ exitCode: null, signal: 'SIGRTMIN+3' })
  expect(() => decodeWaitStatus(0x137f)).toThrow('BUG')
})

test('reaping tells how many, and no child apart from an error', () => {
  const answering = (result: number): number =>
    reapInto(fakeNative({ reap: () => result }), new Int32Array(4))
  expect([answering(2), answering(0), answering(-10)]).toEqual([2, 0, 0])
  expect(() => answering(-22)).toThrow('waitpid: EINVAL')
})

test('a signal to a process that is gone is no error', () => {
  expect(kill(fakeNative({ kill: () => 0 }), 7, 15)).toBe(true)
  expect(kill(fakeNative({ kill: () => -3 }), 7, 15)).toBe(false)
  expect(() => kill(fakeNative({ kill: () => -1 }), 7, 15)).toThrow('kill 7: EPERM')
})

test('a spawn that fails names the role', () => {
  const request = { argv: ['solocloud', 'unpack', '/x'], env: [], namespaces: 0, fds: [] }
  expect(() => spawn(fakeNative({ spawn: () => -12 }), request, 0)).toThrow('spawn unpack: ENOMEM')
})

test('a call that a fake does not expect throws', () => {
  expect(() => fakeNative({}).kill(1, 9)).toThrow('unexpected call: kill(1, 9)')
  expect(() => fakeNative({}).watch(3, () => undefined)).toThrow('watch(3, function)')
})
