// The app's own init: it reaps, forwards signals, tells how the app ended, and leaves nothing behind.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeWaitStatus } from '../../sys/process.ts'
import { scratch } from '../native/build-addon.ts'
import {
  buildPrograms,
  innerPid,
  makeRoot,
  planFor,
  run,
  start,
  type Outcome,
  type Programs,
} from './spawn-harness.ts'

const place = scratch('spawn-init')
let programs: Programs
let root = ''

beforeAll(() => {
  programs = buildPrograms(place.dir)
  root = makeRoot(programs, 'root')
})
afterAll(() => place.remove())

const probe = (...words: string[]): Promise<Outcome> =>
  run(programs, planFor(root, 'namespaces', { Cmd: words }))

/** The main process's end as the report has it. */
function end({ report }: Outcome): unknown {
  const [started, ended] = report
  expect([started, report.length]).toEqual(['R', 2])
  return decodeWaitStatus(Number(ended?.replace(/^X /, '')))
}

test('it reports how the app ended, and ends likewise', async () => {
  const ended = await probe('exit', '5')
  expect(end(ended)).toEqual({ exitCode: 5, signal: null })
  expect(ended.status).toBe(5)
  const killed = await probe('raise', '11')
  expect(end(killed)).toMatchObject({ exitCode: null, signal: 'SIGSEGV' })
  expect(killed.status).toBe(128 + 11)
})

test('orphans are reaped while the app runs', async () => {
  const outcome = await probe('orphans', '300')
  expect(outcome.stdout).toBe('no one is left\n')
  expect(end(outcome)).toEqual({ exitCode: 0, signal: null })
})

test('daemons end with the app, and so do its log pipes', async () => {
  const outcome = await probe('daemonise')
  // The run ended: nothing held stdout open, neither the daemon nor the init.
  expect(outcome.stdout).toBe('main ends\n')
  expect(end(outcome)).toEqual({ exitCode: 3, signal: null })
})

test('signals are forwarded', async () => {
  const running = start(programs, planFor(root, 'namespaces', { Cmd: ['signals'] }))
  const lines = createInterface(running.stdout)[Symbol.asyncIterator]()
  const next = async (): Promise<unknown> => (await lines.next()).value
  expect(await next()).toBe('ready')
  const init = innerPid(running)
  for (const signal of [1, 2, 3, 10, 12, 13, 20, 30, 36, 64, 15]) {
    process.kill(init, signal)
    expect(await next()).toBe(`signal ${signal}`)
  }
  const outcome = await running.outcome
  expect(outcome.report).toEqual(['R', `X ${7 << 8}`])
})

test('an init is small, has a name, and holds nothing of the app’s stdio', async () => {
  const running = start(programs, planFor(root, 'namespaces', { Cmd: ['signals'] }))
  const lines = createInterface(running.stdout)[Symbol.asyncIterator]()
  await lines.next()
  const init = innerPid(running)
  const status = readFileSync(`/proc/${init}/status`, 'utf8')
  expect(status).toMatch(/^Name:\tinit$/m)
  const anonymous = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]
  expect(Number(anonymous)).toBeLessThanOrEqual(64)
  const words = readFileSync(`/proc/${init}/cmdline`, 'latin1').split('\0')
  expect(words.filter((word) => word !== '')).toEqual([programs.spawn])
  process.kill(init, 'SIGTERM')
  await running.outcome
})

test('without a pid namespace of its own, an init kills nobody', async () => {
  // The plan of the chroot tier with an init in it: its pid 1 is the test's, so this runs one level down.
  const plan = planFor(root, 'chroot', { Cmd: ['exit', '6'] })
  const at = plan.steps.length - 1
  const steps = [...plan.steps.slice(0, at), { op: 'init' } as const, ...plan.steps.slice(at)]
  const outcome = await run(programs, { ...plan, steps }, { child: true })
  expect(outcome.report).toEqual(['R', `X ${6 << 8}`])
  expect(outcome.stdout).toBe('bystander lives\n')
})
