import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expandGlob, globMatches } from './glob.ts'
import { memoryFiles } from './memory-files.ts'

test.each([
  ['en*', 'enp1s0', true],
  ['en*', 'eth0', false],
  ['eth?', 'eth0', true],
  ['eth?', 'eth10', false],
  ['eth[0-3]', 'eth3', true],
  ['eth[!0-3]', 'eth3', false],
  ['eth[!0-3]', 'eth4', true],
  ['[z-a]', 'b', false],
  ['e[', 'e[', true],
  ['a.b', 'axb', false],
  ['***', 'anything', true],
])('%s and %s', (pattern, text, expected) => {
  expect(globMatches(pattern, text)).toBe(expected)
})

test('no pattern throws', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (pattern, text) => {
      expect(typeof globMatches(pattern, text)).toBe('boolean')
      expect(globMatches(`*${text.replace(/[*?[\\]/g, '?')}*`, text)).toBe(true)
    }),
  )
})

test('paths are expanded part by part, without hidden files', () => {
  const files = memoryFiles({
    '/etc/b/x.conf': '',
    '/etc/a/x.conf': '',
    '/etc/a/.x.conf': '',
    '/etc/a/y': '',
  })
  expect(expandGlob(files, '/etc/*/x*')).toEqual(['/etc/a/x.conf', '/etc/b/x.conf'])
  expect(expandGlob(files, '/etc/a/none')).toEqual(['/etc/a/none'])
})
