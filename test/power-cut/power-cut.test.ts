// A node whose power goes at ten moments of a busy minute.
import { expect, test } from 'vitest'
import { say } from '../../demo/tour.ts'
import { chooseSeed } from '../seeded.ts'
import { powerCuts } from './power-cuts.ts'

const POINTS = 10
const MS_MAX = 20 * 60_000

test(
  'after a power cut the node is as it was before or as it was told to be, whole',
  async () => {
    const seed = chooseSeed('POWER_CUT_SEED')
    const lines: string[] = []
    const report = (line: string): void => {
      lines.push(line)
      say(line)
    }
    report(`POWER_CUT_SEED=${seed}`)
    await powerCuts({ points: POINTS, seed, report }).catch((error: unknown) => {
      throw new Error(`POWER_CUT_SEED=${seed}: ${(error as Error).message}`, { cause: error })
    })
    expect(lines.filter((line) => line.includes(': whole, '))).toHaveLength(POINTS)
  },
  MS_MAX,
)
