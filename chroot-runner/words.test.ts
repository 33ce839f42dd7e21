import { expect, test } from 'vitest'
import type { Step } from './plan.ts'
import { planWords } from './words.ts'

const words = (steps: Step[], env: string[] = []): string[] =>
  planWords({ namespaces: 0, env, steps })

test('an argument list is counted', () => {
  expect(words([{ op: 'init' }, { op: 'exec', argv: ['a', '', 'b c'] }])).toEqual([
    ...['init', 'exec', '3', 'a', '', 'b c'],
  ])
})

test('what the kernel would cut is refused', () => {
  expect(() => words([{ op: 'chdir', path: '/a\0/b' }])).toThrow('NUL')
  expect(() => words([{ op: 'exit' }], ['A=\0'])).toThrow('NUL')
  expect(() => words([{ op: 'exec', argv: ['é'.repeat(65_536)] }])).toThrow('131071 bytes')
  expect(words([{ op: 'exec', argv: ['é'.repeat(65_535)] }])).toHaveLength(3)
})

test.each([NaN, 1.5, 2 ** 60])('%d is no number for a plan', (value) => {
  expect(() => words([{ op: 'oom-score-adj', value }])).toThrow('BUG')
})
