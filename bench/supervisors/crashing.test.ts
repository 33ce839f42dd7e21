import { expect, test } from 'vitest'
import { crashLine, parseVerdict } from './crashing.ts'

const FAULT = 'saboteur: before: reaping=1\nsaboteur: PID 1 jumps to 0\n'
const PANIC = '[10.4] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n'
const AFTER = 'saboteur: after: counting=1 reaping=1 restarting=0\nsaboteur: done\n'

test('a panic counts after the fault only', () => {
  expect(parseVerdict(FAULT + PANIC)?.panic).toBe(true)
  expect(parseVerdict(PANIC)).toBeNull()
  expect(parseVerdict(FAULT)).toBeNull()
})

test('what is left is read from what the saboteur says', () => {
  const verdict = { panic: false, counting: true, reaping: true, restarting: false }
  expect(parseVerdict(`${FAULT}noise\n${AFTER}`)).toEqual(verdict)
})

test('a line says what became of the init and of its work', () => {
  const left = { panic: false, counting: true, reaping: true, restarting: true }
  expect(crashLine('x', left, true).cells).toEqual(['goes on', 'yes', 'yes', 'yes'])
  const frozen = crashLine('x', { ...left, restarting: false }, true)
  expect(frozen.cells).toEqual(['stays, and fails at some of its work', 'yes', 'yes', 'no'])
  const panic = crashLine('x', { ...left, panic: true }, false)
  expect(panic.cells).toEqual(['kernel panic', 'no', 'no', 'n/a'])
})
