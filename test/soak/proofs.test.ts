// Choosing among the long proofs. They themselves take hours and are not run here.
import { expect, test } from 'vitest'
import { chosenProofs, PROOFS } from './proofs.ts'

test('without a name, all of them', () => {
  expect(chosenProofs([]).map(([name]) => name)).toEqual(Object.keys(PROOFS))
})

test('by name, in the order asked for', () => {
  const names = Object.keys(PROOFS).toReversed()
  expect(chosenProofs(names).map(([name]) => name)).toEqual(names)
})

test('an unknown name is told with the known ones', () => {
  expect(() => chosenProofs(['power-cut'])).toThrow(/no proof power-cut; there are .*power-cuts, /)
})
