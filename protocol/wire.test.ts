import { expect, test } from 'vitest'
import type { Progress } from './api.ts'
import { sampleApp, sampleHistory, sampleNode } from '../test/http/fake-apps.ts'
import { appStatus, logEvent, nodeHistory, nodeStatus, problemReport, progress } from './wire.ts'

/** As the value arrives: through JSON. */
const wire = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const exited = { exitCode: null, signal: 'SIGKILL', at: '2026-01-01T00:00:00Z' }
const problem = { type: 'about:blank', title: 'Conflict', status: 409, code: 'busy', detail: 'No.' }
const line = { at: '2026-01-01T00:00:00.123Z', stream: 'stderr', line: 'x' }

test('an app, with and without what may be null', () => {
  const app = sampleApp('foo', { lastExit: exited, pid: null, startedAt: null, version: null })
  expect(appStatus(wire(app), 'app')).toEqual(app)
})

test('an app of a node that knows no management', () => {
  const { management, ...older } = sampleApp('foo')
  expect(management).toBe(false)
  expect(appStatus(older, 'app')).toEqual(sampleApp('foo'))
})

test('a field of a newer node is left out', () => {
  expect(appStatus({ ...sampleApp('foo'), colour: 'red' }, 'app')).toEqual(sampleApp('foo'))
})

test.each([
  [{ pid: 'x' }, 'app.pid must be a number that is not negative, not string'],
  [{ pid: undefined }, 'app.pid must be a number that is not negative, not undefined'],
  [{ restarts: -1 }, 'app.restarts must be a number that is not negative, not number'],
  [{ state: 'dancing' }, 'app.state must be one of unpacking,'],
  [{ startedAt: 'yesterday' }, 'app.startedAt must be an RFC 3339 time, not "yesterday"'],
  [{ lastExit: [] }, 'app.lastExit must be an object, not an array'],
  [{ deploying: null }, 'app.deploying must be true or false, not null'],
])('a wrong field is named: %j', (wrong, message) => {
  expect(() => appStatus({ ...sampleApp('foo'), ...wrong }, 'app')).toThrow(message)
})

test('a node', () => {
  expect(nodeStatus(wire(sampleNode()), 'node')).toEqual(sampleNode())
  expect(() => nodeStatus({ ...sampleNode(), degraded: ['a', 1] }, 'node')).toThrow(
    'node.degraded[1] must be a string, not number',
  )
})

const events: Progress[] = [
  { event: 'waiting', reason: 'another unpack' },
  { event: 'unpacking', bytes: 1, entries: 2 },
  { event: 'unpacked', digest: 'sha256:00', bytes: 1, entries: 2, generation: 3 },
  { event: 'stopping', generation: 2 },
  { event: 'starting', generation: 3 },
  { event: 'started', pid: 9, isolation: 'chroot' },
  { event: 'rolling-back', generation: 2, reason: 'it exited' },
  { event: 'running', app: sampleApp('foo') },
  {
    event: 'error',
    problem: { ...problem, type: 'about:blank' },
    logs: [{ ...line, stream: 'stderr' }],
  },
]
test("a node's past", () => {
  expect(nodeHistory(wire(sampleHistory()), 'history')).toEqual(sampleHistory())
  expect(() => nodeHistory({ crashes: [{}], boots: [] }, 'history')).toThrow(
    'history.crashes[0].at must be a string',
  )
})

test.each(events)('the event $event', (event) => {
  expect(progress(wire(event), 'a line')).toEqual(event)
})

test('an event that only a newer node knows is null, and no inherited name is an event', () => {
  expect(progress({ event: 'dancing' }, 'a line')).toBeNull()
  expect(progress({ event: 'constructor' }, 'a line')).toBeNull()
  expect(() => progress({}, 'a line')).toThrow('a line.event must be a string')
})

test('log lines and gaps', () => {
  expect(logEvent(line, 'a line')).toEqual(line)
  const gap = { at: line.at, droppedLines: 3 }
  expect(logEvent(gap, 'a line')).toEqual(gap)
  expect(() => logEvent(null, 'a line')).toThrow('a line must be an object, not null')
})

test('a problem comes with the log lines that help', () => {
  expect(problemReport(problem, 'p')).toEqual({ problem, logs: [] })
  expect(problemReport({ ...problem, logs: [line] }, 'p')).toEqual({ problem, logs: [line] })
})
