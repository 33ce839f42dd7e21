import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Plans } from '../supervisor/plans.ts'
import { AppError } from '../supervisor/apps.ts'
import { FakeClock, FakeMachine, fakeLog, type FakeChild } from '../supervisor/fake-node.ts'
import { createReaper } from '../supervisor/reaper.ts'
import type { SelfReport } from './self-report.ts'
import { SELF_TEST_MS_MAX, selfTest, selfTestPlan } from './self-test.ts'

const FILE = '/sbin/init.new'
const REPORT = '{"level":30,"check":"file","version":"2"}\n'

const none = (): never => {
  throw new Error('no plan of an app is needed')
}
const plans: Plans = {
  app: none,
  refresh: none,
  words: (plan) => plan.steps.map((step) => JSON.stringify(step)),
  explain: (_, step, errno) => `step ${step} failed with ${errno}`,
}

let machine: FakeMachine
let clock: FakeClock
let proc: string
let openBefore: number

const open = (): number => readdirSync('/proc/self/fd').length

beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'self-test-'))
  machine = new FakeMachine()
  clock = new FakeClock()
  openBefore = open()
})
afterEach(() => {
  expect([open(), clock.timers()]).toEqual([openBefore, 0])
  rmSync(proc, { recursive: true })
})

/** What came of a test whose child does this. */
async function outcome(act: (child: FakeChild) => void): Promise<SelfReport | string> {
  const { native, life } = machine
  const reaper = createReaper({ native, life, log: fakeLog(), later: setImmediate })
  machine.reap = reaper.reap
  const runner = { native, reaper, plans, buffer: Buffer.alloc(4096) }
  const testing = selfTest({ runner, clock, proc, devNull: '/dev/null' }, FILE)
  if (machine.children.length > 0) act(machine.last('spawn'))
  try {
    return await testing
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return `${error.code}: ${error.message}`
  }
}

const failed = (why: string): string =>
  `self-test-failed: The new file does not work on this node: ${why}`

test('the plan is the new file in the role that tests it, the first to go when memory is short', () => {
  expect(selfTestPlan(FILE)).toEqual({
    namespaces: 0,
    env: [],
    steps: [
      { op: 'oom-score-adj', value: 1000 },
      { op: 'exec', argv: [FILE, 'cloud', 'self-check'] },
    ],
  })
})

test('a report of a child that ends well is believed', async () => {
  const report = await outcome((child) => {
    child.say(1, REPORT)
    child.exit(0)
  })
  expect(report).toMatchObject({ version: '2', failed: null })
})

test('a check that fails is told in its words', async () => {
  const report = await outcome((child) => {
    child.say(1, `${REPORT}{"level":50,"check":"xz","err":{"message":"no bytes."}}\n`)
    child.exit(1 << 8)
  })
  expect(report).toBe(failed('xz: no bytes.'))
})

test('a file that dies is told with its last words, without their stack', async () => {
  const died = await outcome((child) => {
    child.say(2, 'Warning\nError: no addon\n    at start (x.js:1)\n')
    child.exit(70 << 8)
  })
  expect(died).toBe(failed('it exited with status 70: Error: no addon.'))
  const killed = await outcome((child) => child.exit(9))
  expect(killed).toBe(failed('it was ended by SIGKILL: did the node run out of memory?'))
})

test('a file that the kernel does not execute', async () => {
  const refused = await outcome((child) => {
    child.say(3, 'E 1 8\n')
    child.exit(111 << 8)
  })
  expect(refused).toBe(failed('step 1 failed with 8.'))
})

test('a test that hangs, or does not stop talking, is killed', async () => {
  machine.onSignal = (child, signal) => {
    expect(signal).toBe('SIGKILL')
    child.exit(9)
  }
  expect(await outcome(() => clock.advance(SELF_TEST_MS_MAX))).toBe(
    failed('it was not done after 60 s.'),
  )
  const talk = (child: FakeChild): void => {
    while (child.alive) child.say(1, 'x'.repeat(4096))
  }
  expect(await outcome(talk)).toBe(failed('it says more than a self-test has to say.'))
})

test('without memory nothing is started', async () => {
  writeFileSync(join(proc, 'meminfo'), 'MemAvailable: 20480 kB\n')
  expect(await outcome(() => undefined)).toMatch(/^memory-low: .*wants 32 MiB .*has 20 MiB/)
  expect(machine.children).toEqual([])
})

test('a child that can not be made leaves nothing behind', async () => {
  machine.spawnError = -11
  await expect(outcome(() => undefined)).rejects.toThrow('EAGAIN')
})
