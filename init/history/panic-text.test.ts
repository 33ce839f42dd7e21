import { expect, test } from 'vitest'
import { PANIC_BYTES_MAX, panicText } from './panic-text.ts'

test('no records', () => {
  expect(panicText([])).toBeNull()
})

test('parts come together in the order of their lines, from the panic on', () => {
  const records = [
    'Panic#1 Part1\n<4>[    9.1]  ? panic+0x1\n<0>[    9.2] ---[ end Kernel panic ]---\n',
    'Panic#1 Part2\n<6>[    9.0] EXT4-fs mounted\n<0>[    9.0] Kernel panic - not syncing: x\n',
    'Panic#1 Part3\n<6>[    1.0] Linux version 6.1\n',
  ]
  const expected =
    '<0>[    9.0] Kernel panic - not syncing: x\n<4>[    9.1]  ? panic+0x1\n' +
    '<0>[    9.2] ---[ end Kernel panic ]---\n'
  expect(panicText(records)).toBe(expected)
  expect(panicText(records.toReversed())).toBe(expected)
})

test('of an oops and the panic that it led to, the panic is told', () => {
  const records = [
    'Oops#1 Part1\nfirst\nOops: 0002 [#1]\n',
    'Panic#2 Part1\nOops: 0002 [#1]\nKernel panic - not syncing: Fatal exception\n',
    'Oops#3 Part1\nlater\n',
  ]
  expect(panicText(records)).toMatch(
    /^Oops: 0002 .*\nKernel panic - not syncing: Fatal exception\n$/,
  )
})

test('without a panic, the last dump', () => {
  expect(panicText(['Oops#1 Part1\nx Oops 1\n', 'Oops#2 Part1\nx Oops 2\n'])).toBe('x Oops 2\n')
})

test('what begins nowhere, or has no header, is shown as it is', () => {
  expect(panicText(['\u0000\u0001 no header'])).toBe('\u0000\u0001 no header')
  expect(panicText([''])).toBe('')
})

test('it is bounded, and the reason is never what is left out', () => {
  const reason = 'Kernel panic - not syncing: x\n'
  const text = panicText([`Panic#1 Part1\n${reason}${'x'.repeat(100_000)}\nthe end`]) ?? ''
  expect(text.length).toBe(PANIC_BYTES_MAX)
  expect(text.startsWith(reason)).toBe(true)
})

test('what begins nowhere is bounded too, and its end counts', () => {
  const text = panicText([`Panic#1 Part1\n${'x'.repeat(100_000)}\nthe end`]) ?? ''
  expect(text.length).toBe(PANIC_BYTES_MAX)
  expect(text.endsWith('\nthe end')).toBe(true)
})
