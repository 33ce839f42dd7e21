import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { emptyRecord, memoryLife } from '../sys/fake-life.ts'
import { fakeNative } from '../sys/fake-native.ts'
import type { FaultKind, FaultSpec } from './fault-spec.ts'
import { startFaults, type FaultOptions } from './faults.ts'

let directory: string
let caused: FaultKind[]
let complaints: string[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'solocloud-faults-'))
  caused = []
  complaints = []
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function options(lives: number, allowed = 1): FaultOptions {
  const record = emptyRecord()
  const life = memoryLife(record)
  life.set('lives', lives)
  record.numbers.set('faults', allowed)
  return {
    native: fakeNative({}),
    life,
    log: { complain: (problem) => void complaints.push(problem) },
    faults: [],
    cause: (kind) => void caused.push(kind),
  }
}

/** What the node answers to `line`, once it has. */
function ask(path: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path).setEncoding('utf8')
    socket.once('error', reject).once('data', (text) => {
      socket.destroy()
      resolve(String(text))
    })
    socket.write(line)
  })
}

test('a death at the start comes in the first lives only', () => {
  for (const lives of [1, 2, 3]) {
    startFaults({ ...options(lives), faults: [{ start: 'segv', lives: 2 }] })
  }
  expect(caused).toEqual(['segv', 'segv'])
})

test('without the loader’s word nothing happens', () => {
  const listen = { path: join(directory, 'faults') }
  startFaults({ ...options(1, 0), faults: [{ start: 'segv', lives: 1 }, { listen }] })
  expect(caused).toEqual([])
  expect(complaints).toEqual([expect.stringContaining('is ignored')])
})

test('no faults: not a word', () => {
  startFaults(options(1))
  expect(complaints).toEqual([])
})

test('a line asks for a death, which comes after the answer', async () => {
  const path = join(directory, 'faults')
  // A life before has left it.
  writeFileSync(path, '')
  startFaults({ ...options(2), faults: [{ listen: { path } }] })
  expect(await ask(path, 'native-hang\n')).toBe('ok native-hang\n')
  await expect.poll(() => caused).toEqual(['native-hang'])
  expect(await ask(path, 'nonsense\n')).toBe('no such kind\n')
  expect(await ask(path, 'x'.repeat(100))).toBe('no such kind\n')
  expect(caused).toEqual(['native-hang'])
})

test('native kinds go to native code, and its refusal is an error', () => {
  const asked: string[] = []
  const native = fakeNative({
    fault: (kind) => {
      asked.push(kind)
      return -1
    },
  })
  const { life, log } = options(1)
  const faults: FaultSpec[] = [{ start: 'panic', lives: 1 }]
  const start = (): void => startFaults({ native, life, log, faults })
  expect(start).toThrow(expect.objectContaining({ code: 'EPERM' }) as Error)
  expect(asked).toEqual(['panic'])
})
