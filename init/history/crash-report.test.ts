import { expect, test } from 'vitest'
import type { Death } from '../../sys/life.ts'
import { crashReport } from './crash-report.ts'

const fault: Death = {
  life: 3,
  atMs: Date.UTC(2030, 0, 2),
  uptimeMs: 5000,
  address: 0n,
  instruction: 0x4010n,
  signal: 11,
  code: 1,
  thread: 1,
  stack: [0x5020n, 0x6030n],
  reason: 'SIGSEGV',
  text: '',
}

test('a fault', () => {
  expect(crashReport(fault, '0.1.0')).toEqual({
    at: '2030-01-02T00:00:00.000Z',
    life: 3,
    uptimeMs: 5000,
    reason: 'SIGSEGV',
    address: '0x0',
    nativeStack: ['0x4010', '0x5020', '0x6030'],
    jsStack: null,
    thread: 'main',
    version: '0.1.0',
  })
})

test('an end that JavaScript has brought about', () => {
  const death = {
    ...fault,
    signal: 0,
    instruction: 0n,
    stack: [],
    thread: 7,
    text: 'Error: x\n  at y',
  }
  expect(crashReport({ ...death, reason: 'uncaught exception' }, '0.1.0')).toMatchObject({
    reason: 'uncaught exception',
    address: null,
    nativeStack: [],
    jsStack: 'Error: x\n  at y',
    thread: 'thread 7',
  })
})
