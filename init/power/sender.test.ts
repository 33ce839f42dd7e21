import { expect, test } from 'vitest'
import { procSenders, refusal } from './sender.ts'

const NODE = 'node'
const places = new Map([
  [process.pid, NODE],
  [20, NODE],
  [30, 'app'],
])
const senders = { placeOf: (pid: number) => places.get(pid) ?? null }
const from = (senderPid: number, code: number) =>
  refusal({ signal: 15, senderUid: 0, senderPid, code }, senders)

test.each([
  ['the kernel (ctrl-alt-del)', 0, 0x80, null],
  ['a process of the node', 20, 0, null],
  ['the host of our container', 0, 0, null],
  ['an app', 30, 0, 'its sender 30 belongs to an app'],
  ['a process that is gone', 40, 0, 'its sender 40 is gone'],
  ['a forged sender (sigqueue)', 20, -1, 'its code -1 does not tell who sent it'],
  ['a forged kernel', 0, -1, 'its code -1 does not tell who sent it'],
])('%s', (_, pid, code, reason) => {
  expect(from(pid, code)).toBe(reason)
})

test('a process has one place, and a missing one has none', () => {
  expect(procSenders.placeOf(process.pid)).toMatch(/pid:\[\d+\] mnt:\[\d+\]$/)
  expect(procSenders.placeOf(process.pid)).toBe(procSenders.placeOf(process.pid))
  expect(procSenders.placeOf(2 ** 22 + 1)).toBeNull()
})
