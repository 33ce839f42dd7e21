import { devNull } from 'node:os'
import { openSync } from 'node:fs'
import { expect, test } from 'vitest'
import { fakeNative } from '../sys/fake-native.ts'
import { encodeMessage, uint32 } from './netlink.ts'
import { NetlinkProtocol, openNetlink, subscribe } from './netlink-socket.ts'

const EAGAIN = -11
const ENOBUFS = -105
const EPERM = -1
const [NOOP, ERROR, DONE, DATA] = [1, 2, 3, 16]

const answer = (type: number, sequence: number, payload: Buffer = Buffer.alloc(0)): Buffer =>
  encodeMessage({ type, flags: 0, sequence, payload })
const status = (errno: number): Buffer => uint32(errno >>> 0)

/** A kernel whose answers are given: a part each, or an error number. */
function kernel(...parts: (Buffer | number)[]) {
  return fakeNative({
    socket: () => openSync(devNull, 'r'),
    bind: () => 0,
    setsockopt: () => 0,
    sendto: (_, bytes) => bytes.length,
    recv: (_, bytes) => {
      const part = parts.shift() ?? EAGAIN
      if (typeof part === 'number') return part
      bytes.set(part)
      return part.length
    },
  })
}
const ask = (...parts: (Buffer | number)[]) => {
  const socket = openNetlink(kernel(...parts), NetlinkProtocol.route)
  try {
    return socket.request('links', 18, 0, Buffer.alloc(0)).map(({ type }) => type)
  } finally {
    socket.close()
  }
}

test('a dump ends with DONE, a change with its acknowledgement', () => {
  expect(
    ask(Buffer.concat([answer(DATA, 1), answer(DATA, 1)]), answer(DATA, 1), answer(DONE, 1)),
  ).toEqual([DATA, DATA, DATA])
  expect(ask(answer(ERROR, 1, status(0)))).toEqual([])
})

test('answers to somebody else are passed over', () => {
  expect(ask(answer(NOOP, 9), answer(DATA, 9), answer(ERROR, 1, status(0)))).toEqual([])
})

test('a refusal and silence are errors with a name', () => {
  expect(() => ask(answer(ERROR, 1, status(EPERM)))).toThrow('netlink links: EPERM')
  expect(() => ask()).toThrow('netlink links: no answer: ENODATA')
})

test('news are passed on, and lost ones are told', () => {
  const heard: string[] = []
  const native = kernel(answer(DATA, 0), ENOBUFS, answer(DONE, 0))
  let ready: () => void = () => undefined
  Object.assign(native, {
    watch: (_: number, callback: () => void) => {
      ready = callback
      return 0
    },
    unwatch: () => 0,
  })
  const stop = subscribe(native, NetlinkProtocol.route, [1, 20], {
    message: ({ type }) => heard.push(`type ${type}`),
    lost: () => heard.push('lost'),
  })
  ready()
  ready()
  expect(heard).toEqual(['type 16', 'lost', 'type 3'])
  stop()
})
