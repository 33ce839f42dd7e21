import { expect, test } from 'vitest'
import { deathsIn } from './running-solocloud.ts'

test('a life that has ended is told with its reason', () => {
  const text = 'solocloud: life 2 of init, 0.1.0\nsolocloud: warning: life 1 of init ended: hang\n'
  expect(deathsIn(text)).toEqual(['life 1 of init ended: hang'])
  expect(deathsIn('solocloud: listening on unix:/run/solocloud/manage.sock\n')).toEqual([])
})
