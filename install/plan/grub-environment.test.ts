import { expect, test } from 'vitest'
import { environmentBlockProblem, withVariable } from './grub-environment.ts'

const block = (lines: string): string => `# GRUB Environment Block\n${lines}`.padEnd(1024, '#')

test('a variable more, and the others stay', () => {
  const old = block('# WARNING: do not edit\nsaved_entry=gnulinux\n')
  const changed = withVariable(old, 'next_entry', 'solocloud')
  expect(changed).toBe(
    block('# WARNING: do not edit\nsaved_entry=gnulinux\nnext_entry=solocloud\n'),
  )
  expect(withVariable(changed, 'next_entry', 'b')).toBe(
    block('# WARNING: do not edit\nsaved_entry=gnulinux\nnext_entry=b\n'),
  )
})

test('GRUB leaves an empty value behind when it has used one', () => {
  expect(withVariable(block('next_entry=\na=b\n'), 'next_entry', 'x')).toBe(
    block('next_entry=x\na=b\n'),
  )
})

test('a new one', () => {
  expect(withVariable(null, 'next_entry', 'x')).toBe(block('next_entry=x\n'))
  expect(withVariable(null, 'a', 'b\\c')).toBe(block('a=b\\\\c\n'))
})

test('one that is full, cut off, or something else', () => {
  expect(() => withVariable(block(`a=${'b'.repeat(990)}\n`), 'next_entry', 'x')).toThrow('full')
  expect(environmentBlockProblem(block(''))).toBeNull()
  expect(environmentBlockProblem(null)).toBeNull()
  expect(environmentBlockProblem(block('').slice(1))).toBe('it has no signature')
  expect(environmentBlockProblem(block('').slice(0, 512))).toBe('it has 512 bytes instead of 1024')
})
