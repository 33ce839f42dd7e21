import { expect, test } from 'vitest'
import { inTurns } from './in-turns.ts'

test('the measures take turns, and each gets its own samples', async () => {
  const order: string[] = []
  const measure = (name: string, value: number) => async () => {
    order.push(name)
    return Promise.resolve(value)
  }
  const samples = await inTurns(2, [measure('ours', 1), measure('theirs', 2)])
  expect(order).toEqual(['ours', 'theirs', 'ours', 'theirs'])
  expect(samples).toEqual([
    [1, 1],
    [2, 2],
  ])
})
