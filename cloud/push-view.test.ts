import { Writable } from 'node:stream'
import pc from 'picocolors'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sampleApp } from '../test/http/fake-apps.ts'
import type { Io } from './io.ts'
import { pushView } from './push-view.ts'

class FakeStream extends Writable {
  readonly isTTY: boolean
  readonly columns = 200
  text = ''
  constructor(isTTY: boolean) {
    super()
    this.isTTY = isTTY
  }
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

function fakeIo(isTTY: boolean): Io & { out: FakeStream; err: FakeStream } {
  const [out, err] = [new FakeStream(isTTY), new FakeStream(isTTY)]
  return { out, err, env: {}, colors: pc.createColors(false), ask: null }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const MIB = 1024 * 1024

test('on a terminal a bar tells bytes, rate and time left, and goes before the lines', () => {
  const io = fakeIo(true)
  const view = pushView(io, false, 'foo', 10 * MIB)
  view.sending(0)
  for (let second = 1; second <= 5; second++) {
    vi.advanceTimersByTime(1000)
    view.sending(second * MIB)
  }
  view.event({ event: 'unpacking', bytes: 3 * MIB, entries: 4 })
  vi.advanceTimersByTime(500)
  expect(io.err.text).toContain('foo: sending [')
  expect(io.err.text).toMatch(
    /50% +5\.0 MiB of 10\.0 MiB +1\.0 MiB\/s +\ds left +unpacked 3\.0 MiB/,
  )
  expect(io.out.text).toBe('')
  view.event({ event: 'running', app: sampleApp('foo') })
  view.end()
  expect(io.out.text).toBe('foo: running, generation 1\n')
  const drawn = io.err.text.length
  vi.advanceTimersByTime(5000)
  expect(io.err.text.length).toBe(drawn)
})

test('in a pipe there is a line for each thing that happened, and no bar', () => {
  const io = fakeIo(false)
  const view = pushView(io, false, 'foo', MIB)
  view.hashing(MIB)
  view.sending(10)
  view.sending(MIB)
  view.event({ event: 'waiting', reason: 'one unpack at a time' })
  view.event({ event: 'unpacked', digest: 'sha256:0', bytes: 2 * MIB, entries: 7, generation: 2 })
  view.event({ event: 'stopping', generation: 1 })
  view.event({ event: 'rolling-back', generation: 1, reason: 'it \u001b[2Jexited' })
  view.end()
  expect(io.err.text).toBe('')
  expect(io.out.text.split('\n')).toEqual([
    'foo: sending 1.0 MiB',
    'foo: waiting: one unpack at a time',
    'foo: unpacked 2.0 MiB, 7 files',
    'foo: stopping generation 1',
    'foo: going back to generation 1: it ?[2Jexited',
    '',
  ])
})
