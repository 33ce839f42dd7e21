import { expect, test } from 'vitest'
import { assertCompatible } from './compatibility.ts'
import { selfReport, type SelfReport } from './self-report.ts'

const lines = (...all: object[]): string => all.map((line) => `${JSON.stringify(line)}\n`).join('')
const GOOD = [
  { level: 30, check: 'file', version: '1.2.3', sea: true },
  { level: 30, check: 'upgrade', lifeLayout: 1, state: { version: 2, readableBy: 1 } },
]

test('what a file says about itself', () => {
  expect(selfReport(lines(...GOOD, { level: 30, check: 'another' }))).toEqual({
    version: '1.2.3',
    lifeLayout: 1,
    state: { version: 2, readableBy: 1 },
    failed: null,
  })
})

test('a check that failed, in its words', () => {
  const failed = { level: 50, check: 'xz', err: { message: 'not what went in' } }
  expect(selfReport(lines(...GOOD, failed)).failed).toBe('xz: not what went in')
  expect(selfReport(lines({ level: 50, check: 'zstd' })).failed).toBe('zstd: it failed')
})

test.each(['', 'nonsense', 'null\n[]\n7\n', '{"check":"upgrade","lifeLayout":-1,"state":7}\n'])(
  'what says nothing of it is not believed: %j',
  (text) => {
    expect(selfReport(text)).toEqual({
      ...{ version: 'unknown', lifeLayout: null, state: null, failed: null },
    })
  },
)

const OURS = { lifeLayout: 1, state: { version: 2, readableBy: 2 } }

/** The refusal's code, or that there is none. */
function verdict(changes: Partial<SelfReport>, ours = OURS): string {
  const state = { version: 2, readableBy: 2 }
  try {
    assertCompatible({ version: '9', lifeLayout: 1, state, failed: null, ...changes }, ours)
    return 'fits'
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('the same layout and a state that both read fit', () => {
  expect(verdict({})).toBe('fits')
  expect(verdict({ state: { version: 3, readableBy: 2 } })).toBe('fits')
})

test.each<[string, Partial<SelfReport>, string]>([
  ['another life record', { lifeLayout: 2 }, 'life-layout'],
  ['no life record', { lifeLayout: null }, 'life-layout'],
  [
    'a state that we could not read afterwards',
    { state: { version: 3, readableBy: 3 } },
    'state-schema',
  ],
  ['a version that can not read ours', { state: { version: 1, readableBy: 1 } }, 'state-schema'],
  ['no word of its state', { state: null }, 'state-schema'],
])('%s is refused', (_, changes, code) => {
  expect(verdict(changes)).toBe(code)
})
