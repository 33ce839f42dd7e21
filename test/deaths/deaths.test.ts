// PID 1 of a machine dies fifty times, and nobody but PID 1 notices.
import { expect, test } from 'vitest'
import { manyDeaths } from './many-deaths.ts'
import { guestWard } from './patients.ts'
import { chooseSeed } from '../seeded.ts'

const DEATHS = 50
/** A thousand a second, for as long as fifty lives take at the least. */
const LINES_MIN = 30_000

test('apps, requests and logs go on over fifty deaths', { timeout: 1_200_000 }, async () => {
  const seed = chooseSeed('DEATHS_SEED')
  console.log(`DEATHS_SEED=${seed}`)
  const [survived] = await manyDeaths({
    ...{ ward: await guestWard(), deaths: DEATHS, deathsABoot: DEATHS, seed },
    report: console.log,
  })
  expect(survived?.requests).toBeGreaterThan(DEATHS)
  expect(survived?.lines).toBeGreaterThan(LINES_MIN)
})
