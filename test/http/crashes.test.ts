import { afterEach, beforeEach, expect, test } from 'vitest'
import { BenchNode } from './bench-node.ts'
import { cloud } from './cli.ts'
import { sampleHistory } from './fake-apps.ts'

let bench: BenchNode
beforeEach(async () => {
  bench = await BenchNode.start()
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
  expect(bench.log.errors).toEqual([])
})

const crashes = (...words: string[]) => cloud(['node', 'crashes', bench.address, ...words])

test('a node that has nothing to tell', async () => {
  expect(await crashes()).toEqual({ code: 0, out: 'PID 1 has not crashed.\n', err: '' })
})

test('crashes and the end of the boot before, newest first', async () => {
  bench.node.past = sampleHistory()
  const { code, out, err } = await crashes()
  expect([code, err]).toEqual([0, ''])
  const lines = out
    .replace(/\d+d \d+h ago/g, 'then')
    .replace(/ {2,}/g, '  ')
    .split('\n')
  expect(lines).toEqual([
    'N  WHEN  LIFE  UP FOR  REASON  ADDRESS  VERSION',
    '1  then  2  1m 5s  uncaught exception  -  0.1.0',
    '2  then  1  1h 0m  SIGSEGV  0x10  0.1.0',
    '',
    'The boot before: not shut down, it began at 2026-01-01T00:00:00.000Z, and its kernel said:',
    '  Kernel panic - not syncing: ?x',
    '  Call Trace:',
    '',
  ])
})

test('a boot that was shut down', async () => {
  bench.node.past = { crashes: [], boots: sampleHistory().boots.slice(1) }
  const { out } = await crashes()
  expect(out).toContain(
    'The boot before: shut down and rebooted at 2025-12-31T23:59:00.000Z (cloud reboot); ' +
      'it began at 2025-12-31T00:00:00.000Z.\n',
  )
})

test('a boot that was cut off', async () => {
  const [boot] = sampleHistory().boots
  bench.node.past = { crashes: [], boots: boot ? [{ ...boot, panic: null }] : [] }
  expect((await crashes()).out).toContain('The boot before: not shut down: reset, without power')
})

test('one crash, with its stacks', async () => {
  bench.node.past = sampleHistory()
  const { out } = await crashes('1')
  expect(out).toContain('Reason   uncaught exception\n')
  expect(out).toContain('\nJavaScript:\n  Error: no\n      at work (init/main.ts:7:7)\n')
  expect((await crashes('2')).out).toContain(
    '\nNative, as addresses in the file:\n  0x4010\n  0x5020\n',
  )
})

test('--json gives what the node said', async () => {
  bench.node.past = sampleHistory()
  expect(JSON.parse((await crashes('--json')).out)).toEqual(sampleHistory())
  expect(JSON.parse((await crashes('2', '--json')).out)).toEqual(sampleHistory().crashes[1])
})

test.each([
  [['3'], 1, 'There is no crash 3; `cloud node crashes` lists them.'],
  [['x'], 2, '"x" is no line of the table'],
  [['1', '2'], 2, 'One crash at a time'],
])('%j is refused', async (words, code, sentence) => {
  bench.node.past = sampleHistory()
  const result = await crashes(...words)
  expect([result.code, result.out]).toEqual([code, ''])
  expect(result.err).toContain(sentence)
})

test('it is a command below `cloud node`, which stays as it was', async () => {
  expect((await cloud(['node', '--help'])).out).toContain('crashes [NODE] [N]')
  const { code, out } = await cloud(['node', bench.address])
  expect([code, out.split('\n')[0]]).toEqual([0, 'Host        vps'])
  expect((await cloud(['node', bench.address, 'crashes'])).code).toBe(2)
})
