// The role `unpack` has locked itself in before any of its threads runs.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { FILE, isRoot, run } from './built-file.ts'

const root = mkdtempSync(join(tmpdir(), 'unpack-rights-'))
let child: ChildProcess | undefined
afterAll(() => {
  child?.kill('SIGKILL')
  rmSync(root, { recursive: true })
})

/** CHOWN, DAC_OVERRIDE, FOWNER, FSETID and SETFCAP of <linux/capability.h>. */
const KEPT = [0, 1, 3, 4, 31].reduce((mask, capability) => mask | (1n << BigInt(capability)), 0n)

const field = (status: string, name: string): string =>
  new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? ''

test.runIf(isRoot)('every thread is in its root, with five capabilities at most', async () => {
  child = spawn(FILE, ['unpack', root], { stdio: ['pipe', 'ignore', 'inherit'] })
  const tasks = `/proc/${child.pid ?? 0}/task`
  // Node has started its threads; nothing comes on standard input, so it stays.
  for (let tries = 0; tries < 500 && readdirSync(tasks).length < 3; tries++) await delay(10)
  const threads = readdirSync(tasks)
  expect(threads.length).toBeGreaterThanOrEqual(3)
  for (const thread of threads) {
    const status = readFileSync(join(tasks, thread, 'status'), 'utf8')
    for (const set of ['CapPrm', 'CapEff', 'CapBnd'])
      expect([set, BigInt(`0x${field(status, set)}`) & ~KEPT]).toEqual([set, 0n])
    for (const set of ['CapInh', 'CapAmb'])
      expect([set, BigInt(`0x${field(status, set)}`)]).toEqual([set, 0n])
    expect(field(status, 'NoNewPrivs')).toBe('1')
    expect(readlinkSync(join(tasks, thread, 'root'))).toBe(root)
  }
})

test('without a root, or the right to enter it, it ends at once and says why', () => {
  expect(run([FILE, 'unpack'])).toMatchObject({
    status: 70,
    err: 'solocloud: unpack: no directory given: Invalid argument\n',
  })
  expect(run([FILE, 'unpack', '/no-such-directory'])).toMatchObject({
    status: 70,
    err: 'solocloud: unpack: cannot enter the directory: No such file or directory\n',
  })
})
