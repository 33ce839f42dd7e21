import { expect, test } from 'vitest'
import { FAULT_KINDS, parseFaults } from './fault-spec.ts'

test('places to listen and deaths at the start', () => {
  const line = 'listen:127.0.0.1:5700,listen:/run/faults,start:segv,start:signal:SIGBUS*3,loader*2'
  expect(parseFaults(line)).toEqual([
    { listen: { host: '127.0.0.1', port: 5700 } },
    { listen: { path: '/run/faults' } },
    { start: 'segv', lives: 1 },
    { start: 'signal:SIGBUS', lives: 3 },
    { loader: 2 },
  ])
})

test.each(FAULT_KINDS)('%s can be asked for at the start', (kind) => {
  expect(parseFaults(`start:${kind}*1000`)).toEqual([{ start: kind, lives: 1000 }])
})

test('every kind is there once', () => {
  expect(new Set(FAULT_KINDS).size).toBe(FAULT_KINDS.length)
})

test.each([
  '',
  'segv',
  'listen:',
  'listen:5700',
  'start:',
  'start:nonsense',
  'start:segv*0',
  'start:segv*1001',
  'start:segv*',
  'start:hang@thread',
  'start:segv,',
  'stop:segv',
  'loader',
  'loader*0',
])('%s is not a specification', (value) => {
  expect(parseFaults(value)).toBeNull()
})
