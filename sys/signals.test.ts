import { expect, test } from 'vitest'
import { signalName, signalNumber } from './signals.ts'

test('names that images use', () => {
  expect(signalNumber('SIGTERM')).toBe(15)
  expect(signalNumber('TERM')).toBe(15)
  expect(signalNumber('15')).toBe(15)
  expect(signalNumber('SIGRTMIN')).toBe(34)
  expect(signalNumber('SIGRTMIN+3')).toBe(37)
  expect(signalNumber('RTMAX-1')).toBe(63)
})

test.each(['', 'SIG', 'SIGFOO', '0', '65', '-1', '015x', 'SIGRTMIN+31', 'SIGRTMAX-31', 'sigterm'])(
  '%j is no signal',
  (text) => expect(signalNumber(text)).toBeNull(),
)

test('every signal has a name that leads back to it', () => {
  for (let signal = 1; signal <= 64; signal++) {
    if (signal === 32 || signal === 33) continue // glibc's own
    expect([signal, signalNumber(signalName(signal))]).toEqual([signal, signal])
  }
})
