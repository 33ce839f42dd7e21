import { expect, test } from 'vitest'
import { compare, format, markdownTable, type Row, textTable } from './table.ts'

const win: Row = {
  measure: 'power-on to management',
  unit: 'ms',
  ours: [4000, 4400, 3600],
  peer: 'sshd',
  theirs: [16_000],
}
const loss: Row = { measure: 'push', unit: 'ms', ours: [800], peer: 'podman', theirs: [400] }

test('the ratio says how much more the peer needs', () => {
  expect(compare(win)).toEqual({ ratio: 4, verdict: 'ahead' })
  expect(compare(loss)).toEqual({ ratio: 0.5, verdict: 'LOSES' })
})

test('a difference below the noise is called level, on both sides', () => {
  expect(compare({ ours: [100], theirs: [104] }).verdict).toBe('level')
  expect(compare({ ours: [104], theirs: [100] }).verdict).toBe('level')
})

test('a difference that the samples do not show is called level', () => {
  expect(compare({ ours: [90, 100, 130], theirs: [115, 120, 125] }).verdict).toBe('level')
  expect(compare({ ours: [115, 120, 125], theirs: [90, 100, 130] }).verdict).toBe('level')
  expect(compare({ ours: [90, 100, 110], theirs: [115, 120, 125] }).verdict).toBe('ahead')
})

test('values get the unit that a person reads', () => {
  expect(format(87.4, 'ms')).toBe('87 ms')
  expect(format(1250, 'ms')).toBe('1.25 s')
  expect(format(41_300_000, 'bytes')).toBe('41.3 MB')
})

test('the columns of the text table line up', () => {
  expect(textTable([win, loss])).toBe(
    [
      '                          solocloud     peer          ratio',
      'power-on to management  4.00 s ±10%  16.00 s  sshd    4.00x  ahead',
      'push                         800 ms   400 ms  podman  0.50x  LOSES',
    ].join('\n'),
  )
})

test('Markdown marks a loss', () => {
  expect(markdownTable([win, loss])).toBe(
    [
      '|  | solocloud | peer |  | ratio |  |',
      '| --- | ---: | ---: | --- | ---: | --- |',
      '| power-on to management | 4.00 s ±10% | 16.00 s | sshd | 4.00x | ahead |',
      '| push | 800 ms | 400 ms | podman | **0.50x** | **LOSES** |',
    ].join('\n'),
  )
})
